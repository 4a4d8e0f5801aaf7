// SPDX-License-Identifier: Apache-2.0
// scripts/extreme_norms.py on the trained model: K-norm weights of up to 96.5, reached by powers of two, move no bit of
// the logits on any backend. That is the proof that such a weight by itself amplifies nothing.
#include <plumbline/model.h>
#include <plumbline/trace.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

const std::string kScript = PLUMBLINE_SOURCE_DIR "/scripts/extreme_norms.py";
const std::string kModel = PLUMBLINE_SOURCE_DIR "/dumps/models/qwen3-tiny";

#ifdef PLUMBLINE_HAVE_TORCH
const std::vector<std::string> kBackends = {"torch", "oracle", "twin"};
#else
const std::vector<std::string> kBackends = {"oracle", "twin"};
#endif

/// The rewritten model; made once.
std::string rewritten(const std::string& mode) {
  const std::string directory = scratch("extreme" + mode);
  if (std::filesystem::exists(directory)) return directory;
  const Said said = run_program(kScript, {kModel, "-o", directory, mode});
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  return directory;
}

Tensor logits_of(const std::string& model, const std::string& backend) {
  const std::string name = std::filesystem::path(model).filename().string() + "_" + backend + ".h5";
  const std::string file = record(name, {backend, {"--taps", "logits"}, model, 10});
  const Trace trace = Trace::open(file);
  return trace.read(*trace.find("logits", 0));
}

double largest(const Model& model, int layer, const std::string& norm) {
  const auto values =
      to_values(model.parameters.at("model.layers." + std::to_string(layer) + ".self_attn." + norm + ".weight").view());
  double most = 0.0;
  for (const double value : values) most = std::max(most, std::fabs(value));
  return most;
}

}  // namespace

TEST_CASE("K-norm weights of 64 and more, reached by powers of two, leave every bit of the logits") {
  const std::string extreme = rewritten("--exact");
  const Model before = load_model(kModel), after = load_model(extreme);
  // The binades that hold 96.5, 44.5, 44, 41.75 and 34.
  const double binades[] = {64.0, 32.0, 32.0, 32.0, 32.0};
  for (int layer = 0; layer < 5; ++layer) {
    INFO("layer " << layer);
    CHECK(largest(before, layer, "k_norm") < 4.0);
    CHECK(largest(after, layer, "k_norm") >= binades[layer]);
    CHECK(largest(after, layer, "k_norm") < 2.0 * binades[layer]);
  }
  for (const std::string& backend : kBackends) {
    INFO(backend);
    const Tensor expected = logits_of(kModel, backend), actual = logits_of(extreme, backend);
    REQUIRE(expected.byte_size() == actual.byte_size());
    CHECK(std::memcmp(expected.data(), actual.data(), expected.byte_size()) == 0);
  }
}

TEST_CASE("only the two norms change, and the record says by which factors") {
  const std::string extreme = rewritten("--exact");
  const Model before = load_model(kModel), after = load_model(extreme);
  for (const auto& [name, tensor] : before.parameters) {
    if (name.find("_norm.weight") != std::string::npos && name.find("self_attn") != std::string::npos) continue;
    INFO(name);
    CHECK(digest(tensor.view()) == digest(after.parameters.at(name).view()));
  }
  const auto record = nlohmann::json::parse(read_file(extreme + "/extreme_norms.json"));
  CHECK(record.at("mode") == "exact");
  REQUIRE(record.at("layers").size() == 16);
  for (const auto& layer : record.at("layers")) {
    int exponent = 0;
    CHECK(std::frexp(layer.at("factor").get<double>(), &exponent) == 0.5);  // a power of two
    CHECK(layer.at("k_norm_max").get<double>() == largest(after, layer.at("layer").get<int>(), "k_norm"));
  }
}

TEST_CASE("the reported values themselves are no powers of two: the logits differ, by roundings") {
  const std::string noted = rewritten("--notes");
  const Model after = load_model(noted);
  const double values[] = {96.5, 44.5, 44.0, 41.75, 34.0};
  for (int layer = 0; layer < 5; ++layer) CHECK(largest(after, layer, "k_norm") == values[layer]);
  const auto expected = to_values(logits_of(kModel, "oracle").view());
  const auto actual = to_values(logits_of(noted, "oracle").view());
  double difference = 0.0, size = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  INFO("relative difference " << std::sqrt(difference / size));
  CHECK(difference > 0.0);
  CHECK(difference < 0.01 * size);  // a tenth in the norm: noise, where a broken model would give a whole
}

TEST_CASE("what cannot be rewritten is refused with status 2 and left alone") {
  const TempDirectory llama = write_tiny_model({.llama = true});
  const TempDirectory half = write_tiny_model({.dtype = "float16"});
  struct Row {
    std::string model, mode, reason;
  };
  const Row rows[] = {
      {llama.path().string(), "--exact", "LlamaForCausalLM has no norm of query and key heads"},
      {half.path().string(), "--exact", "f16 reaches down to 6e-5 only"},
      {scratch("nowhere"), "--notes", "has no config.json"},
  };
  for (const Row& row : rows) {
    INFO(row.reason);
    const std::string out = scratch("not_made");
    const Said said = run_program(kScript, {row.model, "-o", out, row.mode});
    CHECK(said.status == 2);
    CHECK(said.complains(row.reason));
    CHECK_FALSE(std::filesystem::exists(out));
    CHECK_FALSE(std::filesystem::exists(out + ".part"));
  }
  const Said taken = run_program(kScript, {kModel, "-o", rewritten("--exact"), "--exact"});
  CHECK(taken.status == 2);
  CHECK(taken.complains("exists"));
}

}  // namespace plumbline::test
