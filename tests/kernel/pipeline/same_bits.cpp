// SPDX-License-Identifier: Apache-2.0
// same_bits MODEL LEFT RIGHT [--tokens N] [--new N] [--numerics N] [--qkv VARIANT]: runs a model directory on two
// backends (torch: LibTorch on the GPU; twin; cuda), prefill and decode, and compares every tap and the logits bit for
// bit as they come. Exit 0: equal; 1: the first differing taps are listed; 2: it cannot run. Leaves judging differences
// to plumbline find.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <string>

#include <plumbline/error.h>

#include "cuda/pipeline/pipeline.h"
#include "tests/reference/memory_sink.h"
#ifdef PLUMBLINE_SAME_BITS_TORCH
#include "reference/torch_backend.h"
#endif

namespace plumbline {
namespace {

using test::MemorySink;

constexpr const char* kUsage =
    "usage: same_bits MODEL LEFT RIGHT [--tokens N] [--new N] [--numerics N] [--qkv VARIANT]; "
    "LEFT and RIGHT are torch, twin or cuda";
const TapSpec kLogits = {"(returned logits)", DType::bf16, {}, false};  // what forward returns, beside the tap

struct Arguments {
  std::string model, left, right;
  int64_t tokens = 64, decode_steps = 4;
  KernelOptions options;
};

Arguments parse(int count, char** values) {
  Arguments arguments;
  bool known = count >= 4 && count % 2 == 0;
  if (known) {
    arguments.model = values[1];
    arguments.left = values[2];
    arguments.right = values[3];
  }
  for (int i = 4; known && i + 1 < count; i += 2) {
    const std::string name = values[i];
    if (name == "--tokens") {
      arguments.tokens = std::atoll(values[i + 1]);
    } else if (name == "--new") {
      arguments.decode_steps = std::atoll(values[i + 1]);
    } else if (name == "--numerics") {
      arguments.options.numerics = values[i + 1];
    } else if (name == "--qkv") {
      arguments.options.qkv = values[i + 1];
    } else {
      known = false;
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (!known || arguments.tokens < 1 || arguments.decode_steps < 0)
    throw UsageError("same_bits: wrong arguments", {}, kUsage);
  return arguments;
}

std::unique_ptr<Backend> backend_of(const std::string& name, const Model& model, const KernelOptions& options) {
  if (name == "twin") return make_twin_backend(model, options);
  if (name == "cuda") return make_cuda_backend(model, options);
#ifdef PLUMBLINE_SAME_BITS_TORCH
  if (name == "torch") return make_torch_backend(model, {.device = "cuda"});
#endif
  throw UsageError("same_bits: no backend '" + name + "' in this build", {}, kUsage);
}

/// Number of differing elements, and the first of them; shapes that differ count as one.
int64_t differing(const Tensor& expected, const Tensor& actual, int64_t& first) {
  first = 0;
  if (expected.dtype() != actual.dtype() || expected.shape() != actual.shape()) return 1;
  if (std::memcmp(expected.data(), actual.data(), expected.byte_size()) == 0) return 0;
  const size_t step = element_bytes(expected.dtype());
  int64_t count = 0;
  for (int64_t i = 0; i < expected.count(); ++i) {
    if (std::memcmp(expected.data() + static_cast<size_t>(i) * step, actual.data() + static_cast<size_t>(i) * step,
                    step) == 0)
      continue;
    if (count++ == 0) first = i;
  }
  return count;
}

struct Tally {
  int64_t taps = 0, values = 0, bad_taps = 0;
};

void compare(const Step& step, const MemorySink& left, const MemorySink& right, Tally& tally) {
  for (const auto& [path, expected] : left.taps()) {
    ++tally.taps;
    tally.values += expected.count();
    const auto found = right.taps().find(path);
    int64_t first = 0;
    const int64_t count = found == right.taps().end() ? expected.count() : differing(expected, found->second, first);
    if (count == 0 || ++tally.bad_taps > 20) continue;
    std::printf("step %lld  %-32s %lld of %lld differ, first %lld", static_cast<long long>(step.index), path.c_str(),
                static_cast<long long>(count), static_cast<long long>(expected.count()), static_cast<long long>(first));
    if (found != right.taps().end() && found->second.shape() == expected.shape()) {
      std::printf(": left %.9g, right %.9g", expected.view().at(first), found->second.view().at(first));
    }
    std::printf("\n");
  }
  if (right.taps().size() != left.taps().size()) ++tally.bad_taps;
}

int64_t most_likely(const Tensor& logits) {
  const int64_t width = logits.shape().back(), last = logits.count() - width;
  int64_t best = 0;
  for (int64_t i = 1; i < width; ++i) {
    if (logits.view().at(last + i) > logits.view().at(last + best)) best = i;
  }
  return best;
}

int run(const Arguments& arguments) {
  const Model model = load_model(arguments.model);
  const auto left = backend_of(arguments.left, model, arguments.options),
             right = backend_of(arguments.right, model, arguments.options);
  std::printf("%s\n%s\n", left->description().c_str(), right->description().c_str());
  const std::string text = "This program is free software; you can redistribute it and/or modify it. ";
  Step step;
  for (int64_t i = 0; i < arguments.tokens; ++i)
    step.tokens.push_back(static_cast<unsigned char>(text[static_cast<size_t>(i) % text.size()]) % model.config.vocab);
  Tally tally;
  for (int64_t index = 0; index <= arguments.decode_steps; ++index) {
    MemorySink expected, actual;
    const Tensor logits = left->forward(step, expected), others = right->forward(step, actual);
    expected.record(kLogits, logits.view());
    actual.record(kLogits, others.view());
    compare(step, expected, actual, tally);
    if (index % 128 == 127)
      std::fprintf(stderr, "step %lld: %lld taps so far, %lld differ\n", static_cast<long long>(index),
                   static_cast<long long>(tally.taps), static_cast<long long>(tally.bad_taps));
    step = {index + 1, step.first_position + static_cast<int64_t>(step.tokens.size()), {most_likely(logits)}};
  }
  std::printf("%lld taps, %lld values, %lld taps differ\n", static_cast<long long>(tally.taps),
              static_cast<long long>(tally.values), static_cast<long long>(tally.bad_taps));
  return tally.bad_taps == 0 ? 0 : 1;
}

}  // namespace
}  // namespace plumbline

int main(int count, char** values) {
  try {
    return plumbline::run(plumbline::parse(count, values));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
