// SPDX-License-Identifier: Apache-2.0
// The one door by which a run hands out what it computed: every backend gives every tap to a TapSink.
// Invariant: begin_step comes before the taps of that step; the bytes of a view are valid only during the call.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <plumbline/op_graph.h>
#include <plumbline/tensor.h>

namespace plumbline {

/// One forward pass: the prefill (index 0) or a decode step.
struct Step {
  int64_t index = 0;
  int64_t first_position = 0;   ///< position of tokens[0] in the whole sequence
  std::vector<int64_t> tokens;  ///< the ids fed in this step
};

class TapSink;

/// Taps that are still on their way, a copy from a GPU for instance: one object for many. Their memory is given back
/// when this goes, or earlier.
class LateTaps {
 public:
  virtual ~LateTaps() = default;
  /// Waits for them and records them in `sink`, one after the other; on any thread, once. Throws BackendError if what
  /// makes them failed, or if they cannot be right.
  virtual void record_in(TapSink& sink) = 0;
};

class TapSink {
 public:
  virtual ~TapSink() = default;
  /// False lets a backend skip making or copying the tap. Must be constant during a run.
  virtual bool wants(std::string_view path) const = 0;
  virtual void begin_step(const Step& step) = 0;
  /// Takes a copy of the values before it returns. `spec.dtype` and `spec.axes` describe `values`.
  virtual void record(const TapSpec& spec, const TensorView& values) = 0;
  /// The same for taps that may still be on their way. A sink with a thread of its own keeps them and returns at once;
  /// errors surface in a later call then.
  virtual void record_late(std::unique_ptr<LateTaps> taps) { taps->record_in(*this); }
};

/// Wants nothing.
class NullSink final : public TapSink {
 public:
  bool wants(std::string_view) const override { return false; }
  void begin_step(const Step&) override {}
  void record(const TapSpec&, const TensorView&) override {}
};

/// True if `path` matches the glob (`*` any run of characters, also dots; `?` one character).
bool glob_matches(std::string_view glob, std::string_view path);

}  // namespace plumbline
