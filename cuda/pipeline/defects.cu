// SPDX-License-Identifier: Apache-2.0
// Invariant: defects.h.
#include "cuda/pipeline/defects.h"

#include <algorithm>

#include <plumbline/error.h>

#include "cuda/gemm/gemm_tile.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

struct Known {
  const char* name;  // of the catalogue, without "kernel."
  Defect defect;
  std::vector<StepKind> kinds;  // fused steps whose kernel has the variant; single steps have it anyway
};

const std::vector<Known>& known_defects() {
  static const std::vector<Known> list = {
      {"k_tail_lost", Defect::k_tail_lost, {StepKind::linear_residual}},
      {"bf16_accumulator", Defect::bf16_accumulator, {StepKind::linear_residual}},
      {"truncating_cast", Defect::truncating_cast, {StepKind::linear_residual}},
      {"stale_tile", Defect::stale_tile, {StepKind::linear_residual}},
      {"missing_barrier", Defect::missing_barrier, {StepKind::linear_residual}},
      {"lane_lost", Defect::lane_lost, {}},
      {"wrong_activation", Defect::other_activation, {}},
      {"position_off_by_one", Defect::position_late, {StepKind::heads}},
      {"cache_stale", Defect::cache_stale, {StepKind::heads}},
      {"softmax_not_rescaled", Defect::not_rescaled, {StepKind::attention}},
  };
  return list;
}

const Known& find_known(const KernelFault& fault) {
  for (const Known& known : known_defects()) {
    if (fault.name == std::string("kernel.") + known.name) return known;
  }
  throw UsageError("the kernels have no defect '" + fault.name + "'", {}, "'plumbline faults' lists them");
}

/// A product over one tile of k has no tile before it to mistake for its own.
void require_two_tiles(const Model& model, const KernelFault& fault, Defect defect) {
  if (defect != Defect::stale_tile && defect != Defect::missing_barrier) return;
  const Op& op = *model.graph.find(fault.op);
  const int64_t depth = model.parameters.at(op.parameters.front()).shape().back();
  if (depth > kTileDepth) return;
  throw UsageError("the fault '" + fault.name + "@" + fault.op + "' would change nothing in this model",
                   {"inner dimension  " + std::to_string(depth), "one tile holds   " + std::to_string(kTileDepth)},
                   "choose a projection with a larger inner dimension");
}

}  // namespace

Defects::Defects(const Model& model) {
  for (const KernelFault& fault : model.kernel_faults) {
    const Defect defect = find_known(fault).defect;
    if (model.graph.find(fault.op) == nullptr) {
      throw UsageError("cannot plant the fault '" + fault.name + "@" + fault.op + "'",
                       {"reason  another fault removed the op"}, "leave one of the two faults out");
    }
    require_two_tiles(model, fault, defect);
    if (!by_op_.emplace(fault.op, defect).second) {
      throw UsageError("op '" + fault.op + "' cannot have two kernel faults", {}, "leave one of them out");
    }
  }
}

Defect Defects::of(const Op& op) const {
  const auto found = by_op_.find(op.name);
  return found == by_op_.end() ? Defect::none : found->second;
}

bool Defects::fits(const PlanStep& step) const {
  return std::ranges::all_of(step.window, [&](const Op* op) {
    const Defect defect = of(*op);
    if (defect == Defect::none) return true;
    const auto known = std::ranges::find(known_defects(), defect, &Known::defect);
    return std::ranges::find(known->kinds, step.kind) != known->kinds.end();
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
