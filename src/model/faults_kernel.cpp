// SPDX-License-Identifier: Apache-2.0
// Faults of the candidate's kernels: graph and weights stay as they are, the kernel that runs one op has a defect.
// Left to others: the defects themselves (cuda/common/defect.h), which backends can have them (src/run).
#include <charconv>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

/// `number` stands in the note as it will be read again: "kernel.window=6".
void note(FaultCall& call, const std::string& number) {
  const std::string name = call.spelling.substr(0, call.spelling.find_first_of("=@"));
  for (const std::string& op : call.site.ops) call.model.kernel_faults.push_back({name + number, op});
}

void in_kernel(FaultCall& call) { note(call, ""); }

template <int kDefault>
void in_kernel_whole(FaultCall& call) {
  note(call, "=" + std::to_string(whole_value(call, kDefault, 1 << 20)));
}

/// The default in thousandths.
template <int kDefault>
void in_kernel_number(FaultCall& call) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof text, positive_value(call, kDefault / 1000.0));
  note(call, "=" + std::string(text, written.ptr));
}

Fault kernel_fault(const char* name, const char* part, OpKind kind, const char* effect, const char* value = "",
                   void (*rewrite)(FaultCall&) = in_kernel) {
  return {{name, value, std::string("layer.3.") + part, effect, true}, Reach::kinds, {part}, {kind}, rewrite};
}

/// Of any op whose result a kernel stores by itself.
Fault result_fault(const char* name, const char* part, const char* effect, const char* value = "",
                   void (*rewrite)(FaultCall&) = in_kernel) {
  using enum OpKind;
  return {{name, value, std::string("layer.3.") + part, effect, true},
          Reach::kinds,
          {part},
          {linear, rmsnorm, add, silu, multiply},
          rewrite};
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
      kernel_fault("kernel.split_k_bf16", "mlp.down_proj", linear,
                   "The inner dimension is split, and each part's sum rounded to bf16 before the parts are added.",
                   "parts (default 4)", in_kernel_whole<4>),
      kernel_fault("kernel.norm_sum", "in_norm", rmsnorm, "The sum of squares is not divided by the channels."),
      kernel_fault("kernel.norm_one_less", "in_norm", rmsnorm, "The sum of squares is divided by one channel less."),
      kernel_fault("kernel.norm_no_root", "post_norm", rmsnorm, "The root of the mean square is not taken."),
      kernel_fault("kernel.norm_eps_outside", "in_norm", rmsnorm,
                   "An epsilon is added to the root of the mean square, not under it.", "number (default 0.01)",
                   in_kernel_number<10>),
      kernel_fault("kernel.norm_magnitudes", "post_norm", rmsnorm, "The mean is one of magnitudes, not of squares."),
      kernel_fault("kernel.norm_variance", "attn.k_norm", rmsnorm,
                   "The square of the mean is taken off the mean square: the variance in its place."),
      kernel_fault("kernel.gelu_erf", "mlp.act", silu, "The activation is GELU, by the error function."),
      kernel_fault("kernel.gelu_tanh", "mlp.act", silu, "The activation is GELU as tanh approximates it."),
      kernel_fault("kernel.relu", "mlp.act", silu, "The activation is ReLU."),
      kernel_fault("kernel.swish", "mlp.act", silu, "The activation is x * sigmoid(beta x).", "beta (default 1.5)",
                   in_kernel_number<1500>),
      kernel_fault("kernel.act_clamped", "mlp.act", silu, "The activation's input is cut to a limit first.",
                   "limit (default 1)", in_kernel_number<1000>),
      kernel_fault("kernel.sigmoid_only", "mlp.act", silu, "The activation's sigmoid is not multiplied by its input."),
      kernel_fault("kernel.rope_backwards", "attn.k_rope", rope, "The rotation turns the other way."),
      kernel_fault("kernel.rope_half", "attn.q_rope", rope, "Only the first half of the channel pairs is rotated."),
      kernel_fault("kernel.not_rotated", "attn.k_rope", rope, "Queries or keys are not rotated at all."),
      {{"kernel.cache_before_rope", "", "layer.3.attn.k_cache", "The cache gets the keys before their rotation.", true},
       Reach::parts,
       {"attn.k_cache"},
       {},
       in_kernel},
      kernel_fault(
          "kernel.cache_pairs", "attn.v_cache", kv_append,
          "Of the tokens of a step every two neighbours have each other's cache rows. A step of one token does "
          "not show it."),
      kernel_fault("kernel.window", "attn.scores_masked", causal_mask,
                   "Only the latest keys are seen, a sliding window that the model does not have.", "keys (default 4)",
                   in_kernel_whole<4>),
      kernel_fault("kernel.next_kv_head", "attn.scores_raw", attn_scores,
                   "Queries meet the keys of the key-value head after their own."),
      kernel_fault("kernel.last_key_lost", "attn.ctx", attn_context,
                   "The last key of a step is left out of the sum of values: only its own token misses it."),
      kernel_fault("kernel.softmax_base_two", "attn.softmax", softmax, "The softmax takes powers of two, not of e."),
      kernel_fault("kernel.softmax_not_normalised", "attn.softmax", softmax,
                   "The exponentials are not divided by their sum."),
      kernel_fault("kernel.softmax_no_maximum", "attn.softmax", softmax,
                   "The maximum is not subtracted, and the exponentials are held in f16: large scores overflow."),
      kernel_fault("kernel.scores_capped", "attn.softmax", softmax,
                   "The scores s are capped, c tanh(s / c), as in models that are trained so.", "cap (default 5)",
                   in_kernel_number<5000>),
      result_fault("kernel.through_f8", "mlp.mul", "The result goes through FP8 (e4m3) without a scale."),
      result_fault("kernel.saturated", "attn.o_proj", "The result is cut to a limit.", "limit (default 0.25)",
                   in_kernel_number<250>),
      result_fault("kernel.flushed", "mlp.up_proj", "Magnitudes below a limit become zero.", "limit (default 0.1)",
                   in_kernel_number<100>),
      result_fault("kernel.overflow", "mlp.down_proj", "Magnitudes above a limit become infinite.", "limit (default 1)",
                   in_kernel_number<1000>),
      result_fault("kernel.scaled", "attn.v_proj", "The result is multiplied by a factor.", "factor (default 1.01)",
                   in_kernel_number<1010>),
      result_fault("kernel.rows_unwritten", "mlp.gate_proj", "The last tokens' results are zero: nobody wrote them.",
                   "tokens (default 1)", in_kernel_whole<1>),
      result_fault("kernel.columns_unwritten", "attn.q_proj", "The last channels are zero: nobody wrote them.",
                   "channels (default 8)", in_kernel_whole<8>),
      result_fault(
          "kernel.last_row_repeated", "resid1",
          "The last token of a step has the result of the one before it. A step of one token does not show it."),
      result_fault("kernel.columns_stale", "attn.k_proj",
                   "The last channels hold what belongs in as many channels before them.", "channels (default 8)",
                   in_kernel_whole<8>),
      result_fault("kernel.neighbours_swapped", "mlp.up_proj", "Every two neighbouring channels are exchanged."),
      {{"kernel.position_offset", "positions (default 1)", "rope.table",
        "The table of angles begins so many positions too late.", true},
       Reach::kinds,
       {},
       {rope_table},
       in_kernel_whole<1>},
  };
}

}  // namespace plumbline
