// SPDX-License-Identifier: Apache-2.0
// Reports made by hand.
#include "unit/report/samples.h"

#include <limits>
#include <string>

namespace plumbline::test {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

OpRow clean_row(const std::string& name, const std::string& kind, int layer) {
  OpRow row;
  row.op = layer < 0 ? name : "layer." + std::to_string(layer) + "." + name;
  row.kind = kind;
  row.layer = layer;
  row.role = Role::clean;
  row.contract = kind == "rmsnorm" ? "rmsnorm/llama" : "linear/f32acc";
  row.judged = row.compared = true;
  row.own_share = 0.5;
  row.reference_share = 0.5;
  row.own = row.reference_own = 0.0017;
  row.inherited = row.total = 0.0;
  row.gain = row.benign_gain = row.benign_low = row.benign_high = kNone;
  row.elements = 1024;
  return row;
}

void inherit(OpRow& row, Role role, double total, double gain) {
  row.role = role;
  row.total = row.inherited = total;
  row.input_difference = total / gain;
  row.gain = gain;
  row.benign_gain = 0.9;
  row.benign_low = 0.8;
  row.benign_high = 1.1;
  row.unequal = 0.9;
}

FindReport eight_layers() {
  FindReport report;
  report.reference = {"ref.h5", "r1", "torch", "cpu", "Qwen3ForCausalLM", {}, 1, 340, 12, false, false};
  report.candidate = {"cand.h5", "c1", "twin", "cpu", "Qwen3ForCausalLM", {}, 1, 338, 12, false, false};
  report.model = "model";
  report.layers = 8;
  report.ops.push_back(clean_row("embed", "embedding", -1));
  for (int layer = 0; layer < 8; ++layer) {
    report.ops.push_back(clean_row("in_norm", "rmsnorm", layer));
    report.ops.push_back(clean_row("attn.k_norm", "rmsnorm", layer));
    report.ops.push_back(clean_row("attn.softmax", "softmax", layer));
    report.ops.push_back(clean_row("mlp.down_proj", "linear", layer));
  }
  report.ops.push_back(clean_row("logits", "linear", -1));
  report.coverage = {34, 34, 34, 12};
  return report;
}

Finding origin() {
  Finding finding;
  finding.code = "P0201";
  finding.role = Role::origin;
  finding.op = "layer.3.attn.k_norm";
  finding.layer = 3;
  finding.title = "`layer.3.attn.k_norm` is the first op to diverge, from inputs that agree";
  finding.place =
      Place{"layer.3.attn.k_norm.out", {"batch", "token", "head", "channel"}, 7, 0, 0, {0, 7, 1, 42}, {0, 7, 1, 42}};
  ValueWindow window;
  window.axis = "channel";
  window.columns = {40, 41, 42, 43, 44};
  window.marked = 2;
  window.reference_dtype = window.candidate_dtype = DType::bf16;
  for (const double value : {-0.11328125, 0.201171875, -1.359375, 0.0556640625, 0.416015625})
    window.reference.push_back({value, "0xbfae", true});
  for (const double value : {-0.11279296875, 0.2021484375, 0.01220703125, 0.05541992, 0.4140625})
    window.candidate.push_back({value, "0x3c48", true});
  for (const StoredValue& value : window.reference) window.replay.push_back(value.value);
  window.off_by = 1.37158203125;
  window.off_ulps = 175.5625;
  finding.window = window;
  finding.causes = {{CauseStatus::likely, "P0602", finding.op, "the norm's weight was not applied (ones in its place)",
                     "replayed so, 1.01 of the error's rounding floor is left (8.2e+04 before); 0 of 3072 bits unequal "
                     "(2911 before)",
                     1.01, 8.1e4},
                    {CauseStatus::ruled_out, "P0601", finding.op, "eps 0.0003, the config says 1e-06",
                     "replayed so, 3e+04 is left", 3e4, 2.7}};
  finding.evidence = {"12 of 3072 elements are off by more than their bound; the worst by 1.372 = 216 x its bound",
                      "1 of 128 along \"channel\" holds 100% of it: 42"};
  finding.help = {"`plumbline show cand.h5 layer.3.attn.k_norm.out --at 0,7,1,42 --vs ref.h5`"};
  finding.explains = 17;
  return finding;
}

}  // namespace

FindReport diverging_report() {
  FindReport report = eight_layers();
  report.outcome = Outcome::divergence;
  report.headline = "2 findings; 16 other ops only inherit a difference";
  Finding contract;
  contract.code = "P0203";
  contract.role = Role::contract;
  contract.op = "layer.5.in_norm";
  contract.layer = 5;
  contract.contract = "rmsnorm/olmo";
  contract.title = "`layer.5.in_norm` follows the rounding contract rmsnorm/olmo, not rmsnorm/llama";
  report.findings = {origin(), contract};
  for (OpRow& row : report.ops) {
    if (row.op == "layer.3.attn.k_norm") {
      row.role = Role::origin;
      row.failed = true;
      row.own_share = 216;
      row.own = row.total = 0.41;
      row.mismatch = 0.004;
    } else if (row.op == "layer.5.in_norm") {
      row.role = Role::contract;
      row.failed = true;
      row.own_share = 1.9;
      row.own = 0.0028;
      row.mismatch = 0.26;
      row.inherited = row.total = 0.3;
    } else if (row.op == "layer.4.attn.softmax") {
      inherit(row, Role::amplifier, 0.9, 7.5);
    } else if (row.layer > 3 || row.op == "logits") {
      inherit(row, Role::inherited, 0.25, 1.0);
    }
  }
  report.unmatched = {{"layer.0.attn.scores", true, {"layer.0.attn.score"}},
                      {"layer.0.attn.score", false, {"layer.0.attn.scores"}}};
  report.notes = {"the candidate was run with `--fault weight.wrong_layer@layer.3.attn.k_norm`"};
  return report;
}

FindReport parity_report() {
  FindReport report = eight_layers();
  report.outcome = Outcome::parity;
  report.headline = "no op's own error passes its bound; the nearest is logits at 0.5 of it";
  return report;
}

FindReport identical_report() {
  FindReport report = parity_report();
  report.headline = "bit-identical, 170 of 170 taps; " + report.headline;
  report.equality = BitEquality{
      170,
      174080,
      348160,
      {24, 1, 1, 1, 1},
      {{"run by", "torch, plumbline-run 0.1.0", "twin, plumbline-run 0.1.0"},
       {"device", "cuda", "cpu"},
       {"settings", "LibTorch 2.11.0, device cuda NVIDIA H200, tf32 off", "twin: 8 threads; numerics torch/sm90"},
       {"numerics", "-", "torch/sm90"},
       {"GPU", "NVIDIA H200, sm_90", "-"},
       {"GPU driver", "", "-"},
       {"LibTorch", "2.11.0|beta<b>", "-"}},
      {"another GPU, driver, or version of CUDA, cuBLAS or LibTorch", "TF32 or sums of reduced precision in LibTorch"}};
  return report;
}

FindReport waived_report() {
  FindReport report = diverging_report();
  report.verb = "gate";
  report.outcome = Outcome::parity;
  report.headline = "nothing diverges but what the policy accepts: 2 findings";
  report.policy = PolicySummary{"plumbline.toml", "qwen3-tiny", "parity"};
  report.findings[0].accepted =
      Acceptance{"waiver W-0007", "plumbline.toml:31", "split-K reorder, see the kernel's RFC", "@kim", "2027-01-31"};
  report.findings[1].accepted = Acceptance{"contract rmsnorm/olmo is allowed for layer.*.in_norm", "plumbline.toml:20",
                                           "one rounding less than PyTorch", "", ""};
  for (Finding& finding : report.findings) {
    finding.level = Level::note;
    finding.role = Role::waived;
    for (OpRow& row : report.ops)
      if (row.op == finding.op) row.role = Role::waived;
  }
  return report;
}

FindReport inconclusive_report() {
  FindReport report;
  report.reference.file = "ref\x1b[31m.h5";
  report.candidate.file = "cand\n.h5";
  report.headline = "the prompts differ: position 5 holds token 65 in the reference, 66 in the candidate";
  Finding finding;
  finding.code = "P0402";
  finding.title = report.headline;
  finding.help = {"record the candidate on the reference's tokens: `plumbline run MODEL --tokens ref.h5 ...`"};
  report.findings = {finding};
  return report;
}

FindReport selected_report() {
  FindReport report = diverging_report();
  const size_t all = report.ops.size();
  std::erase_if(report.ops, [](const OpRow& row) {
    return !row.op.starts_with("layer.0.") || row.op.find(".attn.") != std::string::npos;
  });
  const auto left = static_cast<int64_t>(report.ops.size());
  report.verb = "diff";
  report.outcome = Outcome::parity;
  report.headline = "no selected op's own error passes its bound; 2 findings outside the selection";
  report.notes.push_back("outside the selection: error[P0201]: " + report.findings.front().title + "; and 1 more");
  report.scope = ReportScope{{"layer.0.*"}, {"*.attn.*"}, 40, 4, static_cast<int64_t>(all) - left, 2, 2};
  report.findings.clear();
  report.unmatched.clear();
  report.coverage.reference_ops = report.coverage.judged_ops = report.coverage.compared_taps = left;
  return report;
}

FindReport amplified_report() {
  FindReport report = eight_layers();
  report.outcome = Outcome::divergence;
  report.headline = "1 finding; 32 other ops only inherit a difference";
  const double maxima[] = {96.5, 44.5, 44.0, 41.75, 34.0, 8.5, 3.25, 1.5};
  Amplification growth{"layer.0.mlp.down_proj", 0.000488, {}, 1.0, 1.8};
  for (OpRow& row : report.ops) {
    if (row.op == "embed") continue;
    inherit(row, Role::inherited, 0.0005, 0.9 + 0.02 * row.layer);
    if (row.kind == "rmsnorm") row.predicted_gain = row.op.ends_with("k_norm") ? maxima[row.layer] : 2.5;
  }
  for (int layer = 0; layer < report.layers; ++layer) {
    growth.predicted_at_end *= layer == 0 ? 1.0 : maxima[layer];
    const double grown = 1.0 + 0.1 * layer;
    growth.layers.push_back({layer, maxima[layer], growth.predicted_at_end, grown * growth.entered, grown});
  }
  report.amplification = growth;
  return report;
}

}  // namespace plumbline::test
