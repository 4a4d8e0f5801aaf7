// SPDX-License-Identifier: Apache-2.0
// Something that can run a model: LibTorch, the f64 oracle, the CUDA kernels, or those kernels on the CPU (the twin).
// Invariant: forward passes are numbered by their step; the cache left by step i is what step i+1 reads.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <plumbline/tap.h>

namespace plumbline {

/// How taps left a backend that hands them out as LateTaps.
struct CaptureCounts {
  int64_t ring_bytes = 0;       ///< memory in which values wait for the sink
  int64_t taps = 0, bytes = 0;  ///< what went through it
  int64_t oversized = 0;        ///< of these, taps larger than it, which went past it one at a time
  int64_t stalls = 0;           ///< how often the backend waited because it was full
  double stall_seconds = 0.0;   ///< and how long
  int64_t entries = 0;          ///< of it so far: one for each tap, or one for all taps of a step that was replayed
};

class Backend {
 public:
  virtual ~Backend() = default;
  /// Feeds step.tokens at positions step.first_position..., gives every wanted tap to `sink` (tokens and positions too,
  /// begin_step first), and returns the logits [1,S,vocab] in the dtype that the graph declares.
  /// Throws BackendError; InputError if a token id is outside the vocabulary or the step does not follow the last one.
  virtual Tensor forward(const Step& step, TapSink& sink) = 0;
  /// What runs, for the trace's environment record: name, versions, device, threads, switches that move bits.
  virtual std::string description() const = 0;
  /// The graph as this backend runs it: contracts and dtypes of taps where they differ from the model's own graph.
  virtual const OpGraph& graph() const = 0;
  /// Nothing for a backend that waits with every tap until the sink has it.
  virtual std::optional<CaptureCounts> capture() const { return std::nullopt; }
};

}  // namespace plumbline
