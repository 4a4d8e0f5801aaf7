// SPDX-License-Identifier: Apache-2.0
// Speed of our kernels under numerics torch/sm90, as ratios to LibTorch eager in the same process. One JSON line an
// entry on standard output. `bench_gpu qkv`, `bench_gpu decode MODEL`, `bench_gpu prefill MODEL`: MODEL a checkpoint of
// the Qwen3-0.6B shape (plumbline make-model qwen3-0.6b). `bench_gpu portable MODEL`: decode in the kernels' own
// orders, for a shape whose orders in LibTorch nobody has recorded.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>

#include <plumbline/error.h>

#include "bench/forward.h"
#include "bench/qkv.h"

namespace plumbline::bench {
namespace {

void print(const nlohmann::json& entry) {
  std::puts(entry.dump().c_str());
  std::fflush(stdout);
}

int run(int count, char** values) {
  const std::string part = count > 1 ? values[1] : "";
  if (part == "qkv" && count == 2) {
    for (const nlohmann::json& entry : qkv_entries()) print(entry);
    return 0;
  }
  if (count != 3 || (part != "decode" && part != "prefill" && part != "portable"))
    throw UsageError("bench_gpu: wrong arguments", {}, "bench_gpu qkv | decode MODEL | prefill MODEL | portable MODEL");
  const Model model = load_model(values[2]);
  if (part == "portable") {
    nlohmann::json entry = decode_entry(model, "portable", 16, 240);
    entry["part"] = "decode_shape";
    entry["model"] = std::filesystem::path(values[2]).filename().string();
    print(entry);
  } else if (part == "decode") {
    print(decode_entry(model, "torch/sm90", 16, 240));
    print(decode_entry(model, "torch/sm90", 16, 1008));
  } else {
    for (const int64_t tokens : {16, 128, 512}) print(prefill_entry(model, tokens));
  }
  return 0;
}

}  // namespace
}  // namespace plumbline::bench

int main(int count, char** values) {
  try {
    return plumbline::bench::run(count, values);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
