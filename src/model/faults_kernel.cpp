// SPDX-License-Identifier: Apache-2.0
// Faults of the candidate's kernels: graph and weights stay as they are, the kernel that runs one op has a defect.
// Left to others: the defects themselves (cuda/common/defect.h), which backends can have them (src/run).
#include "model/fault_tools.h"

namespace plumbline {
namespace {

void in_kernel(FaultCall& call) {
  const std::string name = call.spelling.substr(0, call.spelling.find('@'));
  for (const std::string& op : call.site.ops) call.model.kernel_faults.push_back({name, op});
}

Fault kernel_fault(const char* name, const char* part, OpKind kind, const char* effect) {
  return {{name, "", std::string("layer.3.") + part, effect, true}, Reach::kinds, {part}, {kind}, in_kernel};
}

}  // namespace

std::vector<Fault> kernel_faults() {
  using enum OpKind;
  return {
      kernel_fault("kernel.k_tail_lost", "attn.q_proj", linear,
                   "The product leaves out the last 16 of the inner dimension, as by a loop bound that is one step "
                   "short."),
      kernel_fault(
          "kernel.bf16_accumulator", "mlp.down_proj", linear,
          "The product's accumulator is held in bf16 instead of f32: it is rounded after every 16 of the inner "
          "dimension."),
      kernel_fault("kernel.truncating_cast", "mlp.up_proj", linear,
                   "The product goes from f32 to bf16 by cutting the lower half off instead of rounding."),
      kernel_fault("kernel.stale_tile", "attn.o_proj", linear,
                   "Every second tile of 64 weights along the inner dimension is never loaded: the one before is used "
                   "again."),
      kernel_fault("kernel.missing_barrier", "attn.o_proj", linear,
                   "After the first tile a warp does not wait for the block's other warps to stage theirs and may read "
                   "the tile before. On a GPU the result varies from run to run; the twin runs the warps in order, so "
                   "each reads old data of all later ones, the same in every run."),
      kernel_fault("kernel.lane_lost", "in_norm", rmsnorm,
                   "The mean square lacks the part of one of the 32 lanes, as by a reduction with a wrong mask."),
      kernel_fault("kernel.wrong_activation", "mlp.act", silu,
                   "The activation is x * sigmoid(1.702 x), the quick form of GELU, instead of SiLU."),
      kernel_fault("kernel.position_off_by_one", "attn.k_rope", rope,
                   "Every token of a step but the first is rotated by the angles of the token before it."),
      kernel_fault("kernel.softmax_not_rescaled", "attn.softmax", softmax,
                   "The softmax runs online and does not rescale its sum when a larger score moves the maximum."),
      kernel_fault("kernel.cache_stale", "attn.v_cache", kv_append,
                   "A decode step appends the row before it once more instead of its own. A prefill does not show it."),
  };
}

}  // namespace plumbline
