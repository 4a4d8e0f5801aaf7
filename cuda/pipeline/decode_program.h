// SPDX-License-Identifier: Apache-2.0
// Decoding: the launches of one step, recorded once and replayed for every position, with the taps that were wanted
// then. Invariant: the same logits and taps, bit for bit, as the step run one launch after the other. What is checked:
// poison that survived in a tap at every step (it is left there anew behind each), fences behind the first step of a
// recording, whose launches write where those of every other step do. Left to others: prefill, other steps
// (pipeline.cu).
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "cuda/common/launch_graph.h"
#include "cuda/greedy/greedy.h"
#include "cuda/pipeline/defects.h"
#include "cuda/pipeline/device_side.h"
#include "cuda/pipeline/fusion_plan.h"
#include "cuda/pipeline/kv_cache.h"
#include "cuda/pipeline/pipeline.h"
#include "cuda/pipeline/recorded_taps.h"
#include "cuda/pipeline/tap_capture.h"
#include "cuda/pipeline/torch_orders.h"
#include "cuda/pipeline/weights.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// What a step is made of; all of it outlives the program.
struct DecodeParts {
  const OpGraph& graph;
  const std::vector<PlanStep>& plan;  ///< of that graph
  const Weights& weights;
  KvCache& cache;
  TapCapture& capture;
  const KernelOptions& options;
  const Defects& defects;
  const std::optional<TorchOrders>& orders;
  int64_t heads, head_dim;
};

class DecodeProgram {
 public:
  /// Records a step at the cache's capacity, which must hold one token more than its length, with the taps that `sink`
  /// wants now.
  DecodeProgram(const DecodeParts& parts, TapSink& sink);

  /// Whether the caches are still where they were recorded.
  bool fits(const KvCache& cache) const { return cache.generation() == generation_; }
  /// Whether `sink` wants the taps that were recorded, and no others.
  bool records_for(const TapSink& sink) const;
  /// Whether the taps of a step at `position` fit into the ring.
  bool holds(int64_t position) const { return taps_.holds(position + 1); }
  /// Waits for what a finished step left to be collected. To be called before the caches are touched again but by
  /// start(), which has its launches wait.
  void settle() const { taps_.settle(); }
  /// Launches the step of `token` at `position`, which it must hold, and waits for nothing. The caches have its rows
  /// afterwards. A step that nobody finishes leaves nothing behind that the same step again would not mend.
  void start(int64_t token, int64_t position, Stream stream);
  /// Of the step that was started last: gives the sink its taps, and returns the logits, on the host.
  Tensor finish(int64_t position, Stream stream, TapSink& sink);
  /// Feeds `token` at `position`, then the likeliest next one, and so on: the `count` tokens that were chosen. The host
  /// waits at the end only. The caches must hold `count` tokens from `position` on; no taps are handed out.
  std::vector<int64_t> greedy(int64_t token, int64_t position, int64_t count, Stream stream);

 private:
  void launches(Stream stream, TapSink& sink);
  void place(int64_t token, int64_t position);
  void look_at_fences(Stream stream);

  const DecodeParts parts_;
  const int generation_;
  const std::vector<bool> wanted_;  // of the graph's taps, in order
  DeviceSide side_;
  DeviceBuffer candidates_, history_;
  RecordedTaps taps_;
  bool looked_ = false;               // at the fences
  std::optional<LaunchGraph> graph_;  // names all of the above
};

/// Whether a step of this model can be recorded: its attention must be able to start from a position on the device.
bool can_record(int64_t head_dim, int64_t capacity);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
