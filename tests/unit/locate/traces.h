// SPDX-License-Identifier: Apache-2.0
// Traces for tests of the walk: a small random model run by the oracle in this process, written and opened again.
// Invariant: without faults two traces of the same tokens hold the same bits.
#pragma once
#include <plumbline/model.h>
#include <plumbline/trace.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "oracle/noisy.h"
#include "support/temp_directory.h"

namespace plumbline::test {

struct TinyModelOptions;

/// A checkpoint of four layers, or a given one, and a directory for traces.
class Bench {
 public:
  Bench();
  explicit Bench(const TinyModelOptions& checkpoint);
  const Model& model() const { return model_; }
  std::filesystem::path file(const std::string& name) const { return out_ / name; }

  struct Run {
    std::vector<int64_t> tokens;
    int64_t prefill = 0;  ///< tokens of the first step; the rest follow one by one; 0: all at once
    std::vector<std::string> faults = {};
    std::vector<std::string> taps = {"*"};
    std::function<void(TapSpec&, Tensor&)> edit = {};  ///< last changes to what is recorded
    std::function<void(TraceHeader&)> edit_header = {};
    std::optional<Draw> draw = {};  ///< another right implementation of every op
  };
  /// Records and opens the trace; the name must be new.
  Trace record(const std::string& name, const Run& run) const;
  /// The same trace again, the taps of each step written in an order drawn by `seed`.
  Trace shuffled(const std::string& name, const Trace& trace, uint64_t seed) const;

 private:
  TempDirectory directory_, out_;
  Model model_;
};

/// One bench for all tests of a program.
const Bench& bench();

/// Its run of twelve text tokens without faults.
const Trace& healthy();

/// `count` bytes of a fixed sentence, repeated.
std::vector<int64_t> text_tokens(int64_t count);

}  // namespace plumbline::test
