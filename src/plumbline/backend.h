// SPDX-License-Identifier: Apache-2.0
// Something that can run a model: LibTorch, the f64 oracle, the CUDA kernels, or those kernels on the CPU (the twin).
// Invariant: forward passes are numbered by their step; the cache left by step i is what step i+1 reads.
#pragma once
#include <string>

#include <plumbline/tap.h>

namespace plumbline {

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
};

}  // namespace plumbline
