// SPDX-License-Identifier: Apache-2.0
// Invariant: defects.h.
#include "cuda/pipeline/defects.h"

#include <algorithm>
#include <cstdlib>

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
      {"split_k_bf16", Defect::split_k, {}},
      {"lane_lost", Defect::lane_lost, {}},
      {"norm_sum", Defect::sum_not_mean, {}},
      {"norm_one_less", Defect::one_column_less, {}},
      {"norm_no_root", Defect::no_root, {}},
      {"norm_eps_outside", Defect::eps_outside, {}},
      {"norm_magnitudes", Defect::magnitudes, {}},
      {"norm_variance", Defect::variance, {}},
      {"wrong_activation", Defect::other_activation, {}},
      {"gelu_erf", Defect::gelu_erf, {}},
      {"gelu_tanh", Defect::gelu_tanh, {}},
      {"relu", Defect::relu, {}},
      {"swish", Defect::swish, {}},
      {"act_clamped", Defect::clamped_input, {}},
      {"sigmoid_only", Defect::sigmoid_only, {}},
      {"position_off_by_one", Defect::position_late, {StepKind::heads}},
      {"rope_backwards", Defect::rope_backwards, {StepKind::heads}},
      {"rope_half", Defect::half_rotated, {StepKind::heads}},
      {"not_rotated", Defect::not_rotated, {StepKind::heads}},
      {"cache_stale", Defect::cache_stale, {StepKind::heads}},
      {"cache_pairs", Defect::cache_pairs, {StepKind::heads}},
      {"cache_before_rope", Defect::cache_before_rope, {StepKind::heads}},
      {"window", Defect::window, {StepKind::attention}},
      {"next_kv_head", Defect::next_kv_head, {StepKind::attention}},
      {"last_key_lost", Defect::last_key_lost, {StepKind::attention}},
      {"softmax_not_rescaled", Defect::not_rescaled, {StepKind::attention}},
      {"softmax_base_two", Defect::base_two, {StepKind::attention}},
      {"softmax_not_normalised", Defect::not_normalised, {StepKind::attention}},
      {"softmax_no_maximum", Defect::no_maximum, {StepKind::attention}},
      {"scores_capped", Defect::capped, {StepKind::attention}},
      {"through_f8", Defect::through_f8, {}},
      {"saturated", Defect::saturated, {}},
      {"flushed", Defect::flushed, {}},
      {"overflow", Defect::overflowed, {}},
      {"scaled", Defect::result_scaled, {}},
      {"rows_unwritten", Defect::rows_unwritten, {}},
      {"columns_unwritten", Defect::columns_unwritten, {}},
      {"last_row_repeated", Defect::row_repeated, {}},
      {"columns_stale", Defect::columns_repeated, {}},
      {"neighbours_swapped", Defect::neighbours_swapped, {}},
      {"position_offset", Defect::position_offset, {}},
  };
  return list;
}

/// The catalogue has checked the number after '='.
float amount_of(const KernelFault& fault) {
  const size_t equals = fault.name.find('=');
  return equals == std::string::npos ? 0.0f : std::strtof(fault.name.c_str() + equals + 1, nullptr);
}

const Known& find_known(const KernelFault& fault) {
  const std::string name = fault.name.substr(0, fault.name.find('='));
  for (const Known& known : known_defects()) {
    if (name == std::string("kernel.") + known.name) return known;
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
    if (!by_op_.emplace(fault.op, PlantedDefect{defect, amount_of(fault)}).second) {
      throw UsageError("op '" + fault.op + "' cannot have two kernel faults", {}, "leave one of them out");
    }
  }
}

PlantedDefect Defects::of(const Op& op) const {
  const auto found = by_op_.find(op.name);
  return found == by_op_.end() ? PlantedDefect{} : found->second;
}

bool Defects::fits(const PlanStep& step) const {
  return std::ranges::all_of(step.window, [&](const Op* op) {
    const Defect defect = of(*op).defect;
    if (defect == Defect::none) return true;
    const auto known = std::ranges::find(known_defects(), defect, &Known::defect);
    return std::ranges::find(known->kinds, step.kind) != known->kinds.end();
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
