// SPDX-License-Identifier: Apache-2.0
// Runs of small random models on the twin, for the pipeline's tests.
#pragma once
#include "cuda/pipeline/pipeline.h"
#include "kernel/support/tap_record.h"
#include "support/tiny_model.h"

namespace plumbline::test {

inline Model tiny(const TinyModelOptions& options = {}) { return load_model(write_tiny_model(options).path()); }

/// Ids below 256, the same for the same length.
inline std::vector<int64_t> tiny_tokens(int64_t count) {
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < count; ++i) tokens.push_back((i * i * 7 + i * 31 + 5) % 256);
  return tokens;
}

inline Step prefill(int64_t tokens) { return {0, 0, tiny_tokens(tokens)}; }

struct Run {
  TapRecord taps;
  Tensor logits;
};

/// One prefill on a backend of its own.
inline Run run_once(const Model& model, const KernelOptions& options = {}, int64_t tokens = 9,
                    const std::string& glob = "*") {
  Run run{TapRecord(glob), {}};
  run.logits = make_twin_backend(model, options)->forward(prefill(tokens), run.taps);
  return run;
}

}  // namespace plumbline::test
