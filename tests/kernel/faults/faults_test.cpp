// SPDX-License-Identifier: Apache-2.0
// Kernel faults on the twin: given equal inputs, the op that has the fault yields other bits and no other op does.
#include <algorithm>

#include <plumbline/error.h>

#include "cuda/twin/options.h"
#include "kernel/pipeline/tiny_runs.h"
#include "support/error_text.h"

namespace plumbline::test {
namespace {

constexpr int64_t kPrefill = 12;

TinyModelOptions model_options() { return {.layers = 4, .hidden = 128}; }

/// A prefill and one decode step, the taps of each.
std::vector<TapRecord> two_steps(const Model& model, const KernelOptions& options = {}) {
  const auto backend = make_twin_backend(model, options);
  std::vector<TapRecord> steps(2);
  backend->forward(prefill(kPrefill), steps[0]);
  backend->forward({1, kPrefill, {77}}, steps[1]);
  return steps;
}

Model with_fault(const std::string& fault) {
  Model model = tiny(model_options());
  apply_fault(model, fault);
  return model;
}

/// Of one step: ops that read the same bits in both runs and yield others.
std::vector<std::string> own_differences(const OpGraph& graph, const TapRecord& healthy, const TapRecord& faulty) {
  const auto same = [&](const std::string& path) {
    return !healthy.taps().contains(path) || same_tensor(healthy.at(path), faulty.at(path));
  };
  std::vector<std::string> ops;
  for (const Op& op : graph.ops) {
    const bool inputs = std::ranges::all_of(op.inputs, same);
    const bool outputs = std::ranges::all_of(op.outputs, [&](const TapSpec& tap) { return same(tap.path); });
    if (inputs && !outputs) ops.push_back(op.name);
  }
  return ops;
}

}  // namespace

TEST_CASE("a kernel fault makes its own op wrong and no other", "[kernel]") {
  struct Row {
    std::string fault, op;
    size_t step;
  };
  const Row rows[] = {
    {"kernel.k_tail_lost", "layer.3.attn.q_proj", 0},
    {"kernel.k_tail_lost@layer.1.mlp.gate_proj", "layer.1.mlp.gate_proj", 0},
    {"kernel.k_tail_lost@logits", "logits", 0},
    {"kernel.bf16_accumulator", "layer.3.mlp.down_proj", 0},
    {"kernel.bf16_accumulator@layer.0.attn.k_proj", "layer.0.attn.k_proj", 1},
    {"kernel.truncating_cast", "layer.3.mlp.up_proj", 0},
    {"kernel.stale_tile", "layer.3.attn.o_proj", 0},
    {"kernel.stale_tile@layer.2.attn.v_proj", "layer.2.attn.v_proj", 0},
#if !defined(__SANITIZE_THREAD__)  // it reports the race
    {"kernel.missing_barrier", "layer.3.attn.o_proj", 0},
#endif
    {"kernel.lane_lost", "layer.3.in_norm", 0},
    {"kernel.lane_lost@layer.1.attn.q_norm", "layer.1.attn.q_norm", 0},
    {"kernel.lane_lost@layer.1.attn.k_norm", "layer.1.attn.k_norm", 1},
    {"kernel.lane_lost@layer.2.post_norm", "layer.2.post_norm", 0},
    {"kernel.lane_lost@final_norm", "final_norm", 0},
    {"kernel.wrong_activation", "layer.3.mlp.act", 0},
    {"kernel.position_off_by_one", "layer.3.attn.k_rope", 0},
    {"kernel.position_off_by_one@layer.0.attn.q_rope", "layer.0.attn.q_rope", 0},
    {"kernel.softmax_not_rescaled", "layer.3.attn.softmax", 0},
    {"kernel.cache_stale", "layer.3.attn.v_cache", 1},
    {"kernel.cache_stale@layer.1.attn.k_cache", "layer.1.attn.k_cache", 1},
    {"kernel.split_k_bf16", "layer.3.mlp.down_proj", 0},
    {"kernel.norm_sum", "layer.3.in_norm", 0},
    {"kernel.norm_one_less", "layer.3.in_norm", 0},
    {"kernel.norm_no_root", "layer.3.post_norm", 0},
    {"kernel.norm_eps_outside", "layer.3.in_norm", 0},
    {"kernel.norm_magnitudes", "layer.3.post_norm", 0},
    {"kernel.norm_variance", "layer.3.attn.k_norm", 0},
    {"kernel.gelu_erf", "layer.3.mlp.act", 0},
    {"kernel.gelu_tanh", "layer.3.mlp.act", 0},
    {"kernel.relu", "layer.3.mlp.act", 0},
    {"kernel.swish", "layer.3.mlp.act", 0},
    {"kernel.act_clamped=0.1", "layer.3.mlp.act", 0},
    {"kernel.sigmoid_only", "layer.3.mlp.act", 0},
    {"kernel.rope_backwards", "layer.3.attn.k_rope", 0},
    {"kernel.rope_half", "layer.3.attn.q_rope", 0},
    {"kernel.not_rotated", "layer.3.attn.k_rope", 0},
    {"kernel.cache_before_rope", "layer.3.attn.k_cache", 0},
    {"kernel.cache_pairs", "layer.3.attn.v_cache", 0},
    {"kernel.window", "layer.3.attn.scores_masked", 0},
    {"kernel.next_kv_head", "layer.3.attn.scores_raw", 0},
    {"kernel.last_key_lost", "layer.3.attn.ctx", 0},
    {"kernel.softmax_base_two", "layer.3.attn.softmax", 0},
    {"kernel.softmax_not_normalised", "layer.3.attn.softmax", 0},
    {"kernel.softmax_no_maximum", "layer.3.attn.softmax", 0},
    {"kernel.scores_capped=0.5", "layer.3.attn.softmax", 0},
    {"kernel.through_f8", "layer.3.mlp.mul", 0},
    {"kernel.saturated=0.01", "layer.3.attn.o_proj", 0},
    {"kernel.flushed", "layer.3.mlp.up_proj", 0},
    {"kernel.overflow=0.01", "layer.3.mlp.down_proj", 0},
    {"kernel.scaled", "layer.3.attn.v_proj", 0},
    {"kernel.rows_unwritten", "layer.3.mlp.gate_proj", 0},
    {"kernel.columns_unwritten", "layer.3.attn.q_proj", 0},
    {"kernel.last_row_repeated", "layer.3.resid1", 0},
    {"kernel.columns_stale", "layer.3.attn.k_proj", 0},
    {"kernel.neighbours_swapped", "layer.3.mlp.up_proj", 0},
    {"kernel.position_offset", "rope.table", 0},
    {"kernel.saturated=0.01@layer.1.attn.q_norm", "layer.1.attn.q_norm", 1},
    {"kernel.scaled=2@layer.2.resid2", "layer.2.resid2", 1},
    {"kernel.flushed=0.5@final_norm", "final_norm", 0},
  };
  const OpGraph graph = tiny(model_options()).graph;
  const std::vector<TapRecord> healthy = two_steps(tiny(model_options()));
  for (const Row& row : rows) {
    INFO(row.fault);
    const std::vector<TapRecord> faulty = two_steps(with_fault(row.fault));
    CHECK(own_differences(graph, healthy[row.step], faulty[row.step]) == std::vector<std::string>{row.op});
    if (row.step == 1 && row.fault.starts_with("kernel.cache_stale")) require_same_taps(healthy[0], faulty[0]);
  }
}

TEST_CASE("a kernel fault gives the same bits in every run, for any number of host threads", "[kernel]") {
  for (const FaultInfo& info : fault_catalogue()) {
#if defined(__SANITIZE_THREAD__)
    if (info.name == "kernel.missing_barrier") continue;  // it reports the race
#endif
    if (!info.kernel) continue;
    INFO(info.name);
    const Model model = with_fault(info.name);
    const std::vector<TapRecord> one = two_steps(model, {.threads = 1}), two = two_steps(model, {.threads = 2});
    for (size_t step = 0; step < 2; ++step) require_same_taps(one[step], two[step]);
  }
}

#if !defined(__SANITIZE_THREAD__)
TEST_CASE("the missing barrier is a race that the twin's check names", "[kernel]") {
  twin::TwinOptions options;
  options.check_races = true;
  twin::set_twin_options(options);
  const std::string message =
      error_text<BackendError>([] { two_steps(with_fault("kernel.missing_barrier"), {.checked = false}); });
  twin::set_twin_options({});
  require_parts(message, {"kernel 'linear' has a race", "missing __syncthreads"});
}
#endif

TEST_CASE("kernel faults that would change nothing, or meet in one op, are refused", "[kernel]") {
  const auto refusal = [](const Model& model) { return error_text<UsageError>([&] { make_twin_backend(model, {}); }); };
  // One tile holds 64 of the inner dimension, which is all of these matrices: there is no tile before to be mistaken.
  for (const std::string fault : {"kernel.stale_tile", "kernel.missing_barrier"}) {
    Model narrow = tiny({.layers = 4, .hidden = 64});
    apply_fault(narrow, fault + "@layer.1.attn.q_proj");
    require_parts(refusal(narrow), {fault, "layer.1.attn.q_proj", "change nothing", "64"});
  }
  Model twice = with_fault("kernel.k_tail_lost");
  apply_fault(twice, "kernel.bf16_accumulator@layer.3.attn.q_proj");
  require_parts(refusal(twice), {"layer.3.attn.q_proj", "two kernel faults"});
  Model gone = with_fault("kernel.lane_lost@layer.3.attn.k_norm");
  apply_fault(gone, "k_norm.dropped@layer.3");
  require_parts(refusal(gone), {"layer.3.attn.k_norm", "another fault removed the op"});
}

}  // namespace plumbline::test
