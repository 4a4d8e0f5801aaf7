// SPDX-License-Identifier: Apache-2.0
// One forward pass: the plan's steps in order, each by one kernel (the rope table on the host). Invariant: what an op's
// attributes, parameters and contract say is what the kernel is told; a value that no kernel takes is a BackendError
// naming the op. Left to others: which ops belong together (fusion_plan.h), state between passes (pipeline.cu).
#pragma once
#include <optional>

#include <plumbline/tap.h>

#include "cuda/common/stream.h"
#include "cuda/heads/heads.h"
#include "cuda/pipeline/defects.h"
#include "cuda/pipeline/device_side.h"
#include "cuda/pipeline/fusion_plan.h"
#include "cuda/pipeline/kv_cache.h"
#include "cuda/pipeline/pipeline.h"
#include "cuda/pipeline/torch_orders.h"
#include "cuda/pipeline/weights.h"
#include "cuda/pipeline/yields.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

class StepRunner {
 public:
  StepRunner(const Weights& weights, KvCache& cache, const KernelOptions& options, const Defects& defects,
             const std::optional<TorchOrders>& orders, const Step& step, const Outlets& outlets, Stream stream,
             DeviceSide* side = nullptr)
      : weights_(weights),
        cache_(cache),
        settings_(options),
        defects_(defects),
        orders_(orders),
        step_(step),
        outlets_(outlets),
        stream_(stream),
        side_(side) {}

  /// Runs the plan (which must be that of the weights' graph) and returns the last op's output, on the host; taps may
  /// be on their way still. The cache has the step's rows afterwards but does not count them yet.
  Tensor run(const std::vector<PlanStep>& plan);
  /// The same, and the output stays on the device.
  DeviceValue compute(const std::vector<PlanStep>& plan);
  /// The same of one token with what the device side says (which must be given): its output stays there, and so does
  /// all memory that the launches name.
  void record(const std::vector<PlanStep>& plan);

 private:
  void dispatch(const PlanStep& step, Yields& yields);
  void embedding_step(const PlanStep& step, Yields& yields);
  void rope_table_step(const PlanStep& step, Yields& yields);
  void rmsnorm_step(const PlanStep& step, Yields& yields);
  void linear_step(const PlanStep& step, Yields& yields, const Op& op, const Op* add);
  void elementwise_step(const PlanStep& step, Yields& yields);
  void softcap_step(const PlanStep& step, Yields& yields);
  void norm_qkv_step(const PlanStep& step, Yields& yields);
  void swiglu_step(const PlanStep& step, Yields& yields);
  void heads_step(const PlanStep& step, Yields& yields);
  void attention_step(const PlanStep& step, Yields& yields);

  void run_heads(const PlanStep& step, const HeadsArgs& args, const RecordTap* taps);
  /// Of the ops of one attention kernel: the defect that one of them has. Throws UsageError for two.
  PlantedDefect attention_defect(const PlanStep& step) const;
  /// Does to the op's result what its defect says, if it has one of that kind.
  void spoil(const Op& op, const DeviceValue& y) const;
  const DeviceValue& value(const std::string& path) const;
  int tokens() const { return int(step_.tokens.size()); }
  NormInput norm_input(const Op& norm, const DeviceValue& x, Yields& yields) const;
  Arithmetic arithmetic() const { return orders_ ? Arithmetic::torch_sm90 : Arithmetic::portable; }
  int mean_lanes(int64_t columns, int64_t rows) const { return orders_ ? orders_->mean_lanes(columns, rows) : 32; }
  /// Throws BackendError under torch/sm90, for an op with a function that those numerics lack.
  void require_portable(const Op& op) const;
  /// Throws BackendError under torch/sm90 where LibTorch would not sum this product in one chain.
  void require_one_chain(const Op& op, int64_t columns, int64_t depth, int64_t rows) const;

  const Weights& weights_;
  KvCache& cache_;
  const KernelOptions& settings_;
  const Defects& defects_;
  const std::optional<TorchOrders>& orders_;
  const Step& step_;
  const Outlets outlets_;
  const Stream stream_;
  DeviceSide* const side_;  // null: everything comes from the step
  Environment environment_;
};

// Shared by the files that implement the steps.

/// The value that `path` names. Throws BackendError unless it is bf16.
const bf16* bf16_input(const Op& reader, const DeviceValue& value);
/// Throws BackendError naming the op unless its contract is one of those given.
void require_contract(const Op& op, std::initializer_list<std::string_view> known);
/// Of a norm's contract. Throws BackendError for one that no kernel has.
NormRounding rounding_of(const Op& norm);
/// What its kernel adds to the weight.
float weight_offset_of(const Op& norm);
/// Connects the slots of a norm's inner taps, and of its output if that never leaves the kernel. `shape` is the
/// output's.
void tap_norm(Yields& yields, int first_slot, const Op& norm, const Shape& shape, bool output_too);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
