// SPDX-License-Identifier: Apache-2.0
// Decoding without taps: the launches of one step, recorded once and replayed for every position. Invariant: the same
// logits, bit for bit, as the step run one launch after the other. Left to others: prefill, taps (pipeline.cu).
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
#include "cuda/pipeline/tap_capture.h"
#include "cuda/pipeline/torch_orders.h"
#include "cuda/pipeline/weights.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// What a step is made of; all of it outlives the program.
struct DecodeParts {
  const std::vector<PlanStep>& plan;
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
  /// Records a step at the cache's capacity, which must hold one token more than its length.
  explicit DecodeProgram(const DecodeParts& parts);

  /// Whether the caches are still where they were recorded.
  bool fits(const KvCache& cache) const { return cache.generation() == generation_; }
  /// The logits of `token` at `position`, on the host; the caches have its rows afterwards.
  Tensor step(int64_t token, int64_t position, Stream stream);
  /// Feeds `token` at `position`, then the likeliest next one, and so on: the `count` tokens that were chosen. The host
  /// waits at the end only. The caches must hold `count` tokens from `position` on.
  std::vector<int64_t> greedy(int64_t token, int64_t position, int64_t count, Stream stream);

 private:
  void launches(Stream stream);
  void place(int64_t token, int64_t position);

  const DecodeParts parts_;
  const int generation_;
  DeviceSide side_;
  DeviceBuffer candidates_, history_;
  std::optional<LaunchGraph> graph_;  // names all of the above
};

/// Whether a step of this model can be recorded: its attention must be able to start from a position on the device.
bool can_record(int64_t head_dim, int64_t capacity);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
