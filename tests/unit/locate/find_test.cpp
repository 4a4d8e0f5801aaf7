// SPDX-License-Identifier: Apache-2.0
// The walk on pairs of traces: healthy ones, each fault, missing taps, unlike runs.
#include "locate/find.h"

#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "support/catch.h"
#include "unit/locate/reports.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

FindReport find(const Trace& reference, const Trace& candidate) {
  return find_divergence(reference, candidate, bench().model(), {2, 4, 1});
}

int64_t count(const FindReport& report, Role role) {
  return std::count_if(report.ops.begin(), report.ops.end(), [&](const OpRow& r) { return r.role == role; });
}

}  // namespace

TEST_CASE("two runs of one implementation are at parity, every op judged") {
  const Trace again = bench().record("again.h5", {text_tokens(12)});
  const FindReport report = find(healthy(), again);
  CHECK(report.outcome == Outcome::parity);
  CHECK(report.findings.empty());
  CHECK(report.coverage.judged_ops == static_cast<int64_t>(bench().model().graph.ops.size()));
  CHECK(report.coverage.positions == 12);
  CHECK(count(report, Role::clean) == report.coverage.reference_ops);
  for (const OpRow& op : report.ops) {
    INFO(op.op);
    CHECK(op.judged);
    CHECK(op.own_share <= 1.0);
    CHECK(op.unequal == 0.0);
    CHECK(op.residue == 0.0);
  }
}

TEST_CASE("a prefill pairs with a shorter prefill and decode steps, by position") {
  Bench::Run stepped{text_tokens(12)};
  stepped.prefill = 8;
  const Trace steps = bench().record("stepped.h5", stepped);
  for (const FindReport& report : {find(healthy(), steps), find(steps, healthy())}) {
    CHECK(report.outcome == Outcome::parity);
    CHECK(report.coverage.positions == 12);
    CHECK(report.coverage.share() == 1.0);
    for (const OpRow& op : report.ops) CHECK(op.max_abs == 0.0);
  }
}

TEST_CASE("every fault is found at its op, and what follows only inherits") {
  struct Row {
    std::string fault, first;
    std::vector<std::string> ops;  // all that are at fault
    Role role = Role::origin;
  };
  const Row rows[] = {
      {"embed.scale", "embed", {"embed"}},
      {"rope.theta=1e4@layer.2", "layer.2.attn.q_rope", {"layer.2.attn.q_rope", "layer.2.attn.k_rope"}},
      {"rope.theta=1e4", "rope.table", {"rope.table"}},
      {"rope.interleaved@layer.1", "layer.1.attn.q_rope", {"layer.1.attn.q_rope", "layer.1.attn.k_rope"}},
      {"gqa.map@layer.2", "layer.2.attn.scores_raw", {"layer.2.attn.scores_raw", "layer.2.attn.ctx"}},
      {"mask.off_by_one@layer.3", "layer.3.attn.scores_masked", {"layer.3.attn.scores_masked"}},
      {"softmax.scale_missing@layer.0", "layer.0.attn.scores_scaled", {"layer.0.attn.scores_scaled"}},
      {"norm.single_rounding@layer.2.in_norm", "layer.2.in_norm", {"layer.2.in_norm"}, Role::contract},
      {"norm.eps=1e-3@layer.2.in_norm", "layer.2.in_norm", {"layer.2.in_norm"}},
      {"norm.weight_missing@layer.3.attn.q_norm", "layer.3.attn.q_norm", {"layer.3.attn.q_norm"}},
      {"k_norm.dropped@layer.1", "layer.1.attn.k_norm", {"layer.1.attn.k_norm"}},
      {"residual.dropped@layer.2.resid1", "layer.2.resid1", {"layer.2.resid1"}},
      {"weight.transposed@layer.3.attn.o_proj", "layer.3.attn.o_proj", {"layer.3.attn.o_proj"}},
      {"mlp.gate_up_swapped@layer.0", "layer.0.mlp.gate_proj", {"layer.0.mlp.gate_proj", "layer.0.mlp.up_proj"}},
      {"attn.k_v_swapped@layer.1", "layer.1.attn.k_proj", {"layer.1.attn.k_proj", "layer.1.attn.v_proj"}},
      {"head.untied", "logits", {"logits"}},
  };
  int number = 0;
  for (const Row& expected : rows) {
    INFO(expected.fault);
    Bench::Run run{text_tokens(12)};
    run.faults = {expected.fault};
    const Trace candidate = bench().record("fault" + std::to_string(number++) + ".h5", run);
    const FindReport report = find(healthy(), candidate);
    CHECK(report.outcome == Outcome::divergence);
    REQUIRE(report.first_divergence() != nullptr);
    CHECK(report.first_divergence()->op == expected.first);
    CHECK(ops_at_fault(report) == expected.ops);
    CHECK(report.first_divergence()->role == expected.role);
    CHECK(count(report, Role::origin) + count(report, Role::contract) == static_cast<int64_t>(expected.ops.size()));
    CHECK(count(report, Role::unknown) == 0);
    if (expected.role == Role::contract) CHECK(report.first_divergence()->contract == "rmsnorm/olmo");
  }
}

TEST_CASE("a bias of 1e29 is one origin although it floods every later norm") {
  Bench::Run run{text_tokens(12)};
  run.faults = {"bias.uninitialised@layer.1.attn.v_proj"};
  const FindReport report = find(healthy(), bench().record("flood.h5", run));
  CHECK(report.outcome == Outcome::divergence);
  CHECK(ops_at_fault(report) == std::vector<std::string>{"layer.1.attn.v_proj"});
  CHECK(row(report, "layer.1.post_norm").role != Role::clean);
  CHECK(row(report, "logits").role != Role::origin);
  // the bias itself is named: a parameter that only the candidate used
  const bool named = std::any_of(report.findings.begin(), report.findings.end(), [](const Finding& finding) {
    return finding.code == "P0404" && finding.title.find("v_proj.bias") != std::string::npos;
  });
  CHECK(named);
}

TEST_CASE("a defect at one position of one step is placed there") {
  Bench::Run run{text_tokens(12)};
  run.edit = [](TapSpec& spec, Tensor& values) {
    if (spec.path != "layer.2.mlp.up_proj") return;
    const int64_t width = values.shape().back();
    const uint16_t big = 0x4280;  // 64
    std::memcpy(values.mutable_data() + (7 * width + 5) * 2, &big, 2);
  };
  const FindReport report = find(healthy(), bench().record("spot.h5", run));
  REQUIRE(report.first_divergence() != nullptr);
  const Finding& first = *report.first_divergence();
  CHECK(first.op == "layer.2.mlp.up_proj");
  REQUIRE(first.place);
  CHECK(first.place->position == 7);
  CHECK(first.place->candidate_index == Shape{0, 7, 5});
  REQUIRE(first.window);
  CHECK(first.window->candidate[first.window->marked].value == 64.0);
  CHECK(first.window->candidate[first.window->marked].bits == "0x4280");
  CHECK(first.window->replay[first.window->marked] == first.window->reference[first.window->marked].value);
  // the multiplication that read it unharmed is at fault too: what it stored does not follow from what was recorded
  CHECK(row(report, "layer.2.mlp.mul").role == Role::origin);
}

TEST_CASE("NaN from nowhere is one finding where it begins") {
  Bench::Run run{text_tokens(6)};
  run.edit = [](TapSpec& spec, Tensor& values) {
    if (spec.path != "logits") return;
    const uint16_t nan = 0x7FC0;
    std::memcpy(values.mutable_data() + 10, &nan, 2);
  };
  const FindReport report = find(bench().record("six.h5", {text_tokens(6)}), bench().record("nan.h5", run));
  REQUIRE(report.first_divergence() != nullptr);
  CHECK(report.first_divergence()->code == "P0301");
  CHECK(report.first_divergence()->op == "logits");
  CHECK(std::isinf(row(report, "logits").own_share));
}

TEST_CASE("NaN on both sides is never parity: the first op is named, what follows is not judged") {
  const auto spoil = [](TapSpec& spec, Tensor& values) {
    const uint16_t nan = 0x7FC0;
    const bool after = spec.path.starts_with("layer.2") || spec.path.starts_with("layer.3");
    const bool flooded = after || spec.path == "final_norm.out" || spec.path == "logits";
    const int64_t count = flooded ? values.view().count() : spec.path == "layer.1.mlp.down_proj" ? 1 : 0;
    if (values.dtype() != DType::bf16) return;
    for (int64_t i = 0; i < count; ++i) std::memcpy(values.mutable_data() + i * 2, &nan, 2);
  };
  Bench::Run run{text_tokens(6)};
  run.edit = spoil;
  const Trace one = bench().record("nan_left.h5", run), two = bench().record("nan_right.h5", run);
  for (const FindReport& report : {find(one, two), compare_values(one, two)}) {
    CHECK(report.outcome == Outcome::inconclusive);
    CHECK(report.coverage.judged_ops < report.coverage.reference_ops);
    CHECK(row(report, "logits").role == Role::unknown);
    CHECK(row(report, "layer.0.resid2").role == Role::clean);
    const auto named = std::find_if(report.findings.begin(), report.findings.end(),
                                    [](const Finding& finding) { return finding.code == "P0302"; });
    REQUIRE(named != report.findings.end());
    CHECK(named->op == "layer.1.mlp.down_proj");
    REQUIRE(named->place);
    CHECK(named->place->candidate_index == Shape{0, 0, 0});
  }
}

TEST_CASE("settings that differ are a finding even where no number shows it, evidence where one does") {
  Bench::Run run{text_tokens(12)};
  run.edit_header = [](TraceHeader& header) {
    OpGraph graph = op_graph_from_json(header.graph_json);
    for (Op& op : graph.ops)
      if (op.name == "layer.2.post_norm") op.attributes["eps"] = 1e-5;
    header.graph_json = to_json(graph);
  };
  const FindReport silent = find(healthy(), bench().record("settings.h5", run));
  CHECK(silent.outcome == Outcome::divergence);
  REQUIRE(silent.findings.size() == 1);
  CHECK(silent.findings[0].code == "P0407");
  CHECK(silent.findings[0].op == "layer.2.post_norm");
  REQUIRE(silent.findings[0].evidence.size() == 1);
  CHECK(silent.findings[0].evidence[0] ==
        "eps is 1e-06 in the reference's graph, 1e-05 in the candidate's; the reference's is the checkpoint's");

  Bench::Run loud{text_tokens(12)};
  loud.faults = {"norm.eps=1e-1@layer.2.post_norm"};
  const FindReport seen = find(healthy(), bench().record("settings_seen.h5", loud));
  REQUIRE(seen.findings.size() == 1);
  CHECK(seen.findings[0].role == Role::origin);
  const std::vector<std::string>& evidence = seen.findings[0].evidence;
  CHECK(std::any_of(evidence.begin(), evidence.end(), [](const std::string& line) {
    return line.starts_with("eps is 1e-06 in the reference's graph, 0.1 in the candidate's");
  }));
}

TEST_CASE(
    "another table of angles, another contract and a dropped op are seen in the graphs, whatever the numbers say") {
  struct Row {
    std::string op, says;
    std::function<void(OpGraph&, Op&)> change;
  };
  const Row rows[] = {
      {"layer.2.attn.q_rope", "its input 1 is rope.cos in the reference's graph, rope.sin in the candidate's",
       [](OpGraph&, Op& op) { op.inputs[1] = "rope.sin"; }},
      {"layer.1.in_norm", "its contract is rmsnorm/llama in the reference's graph, rmsnorm/olmo in the candidate's",
       [](OpGraph&, Op& op) { op.contract = "rmsnorm/olmo"; }},
      {"layer.3.resid2", "the candidate's graph has no such op",
       [](OpGraph& graph, Op&) {
         std::erase_if(graph.ops, [](const Op& op) { return op.name == "layer.3.resid2"; });
         for (Op& op : graph.ops)
           std::replace(op.inputs.begin(), op.inputs.end(), std::string("layer.3.resid2"),
                        std::string("layer.3.resid1"));
       }},
  };
  int number = 0;
  for (const Row& expected : rows) {
    INFO(expected.op);
    Bench::Run run{text_tokens(6)};
    run.edit_header = [&](TraceHeader& header) {
      OpGraph graph = op_graph_from_json(header.graph_json);
      const auto op =
          std::find_if(graph.ops.begin(), graph.ops.end(), [&](const Op& one) { return one.name == expected.op; });
      REQUIRE(op != graph.ops.end());
      expected.change(graph, *op);
      header.graph_json = to_json(graph);
    };
    static const Trace same = bench().record("graphs.h5", {text_tokens(6)});
    const FindReport report = find(same, bench().record("graph" + std::to_string(number++) + ".h5", run));
    CHECK(report.outcome == Outcome::divergence);
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].code == "P0407");
    CHECK(report.findings[0].op == expected.op);
    CHECK(report.findings[0].evidence.at(0).starts_with(expected.says));
  }
}

TEST_CASE("a value that breaks its bound on both sides is no parity, equal bits or not") {
  const auto spoil = [](TapSpec& spec, Tensor& values) {
    const uint16_t hundred = 0x42C8;
    if (spec.path == "logits") std::memcpy(values.mutable_data() + 10, &hundred, 2);
  };
  Bench::Run run{text_tokens(6)};
  run.edit = spoil;
  const FindReport report = find(bench().record("both_left.h5", run), bench().record("both_right.h5", run));
  CHECK(report.outcome == Outcome::inconclusive);
  CHECK(row(report, "logits").role == Role::unknown);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].code == "P0206");
}

TEST_CASE("a segment over the whole model that ends in the very bits of its replay is clean") {
  Bench::Run run{text_tokens(12)};
  run.taps = {"logits"};
  const FindReport report = find(healthy(), bench().record("logits_only.h5", run));
  CHECK(report.outcome == Outcome::parity);
  CHECK(row(report, "logits").reason.starts_with("judged by Monte Carlo noise of 16 replays: 0 of "));
  CHECK(row(report, "layer.2.mlp.mul").role == Role::clean);
  CHECK(report.coverage.share() == 1.0);
}

TEST_CASE("positions that the candidate lacks are noted") {
  const FindReport report = find(healthy(), bench().record("five.h5", {text_tokens(5)}));
  CHECK(report.outcome == Outcome::parity);
  CHECK(report.coverage.positions == 5);
  REQUIRE(report.notes.size() == 2);
  CHECK(report.notes[0] == "only 5 of the reference's 12 positions are in the candidate");
  CHECK(report.notes[1] == "both sides state the same token ids at 5 positions");
}

TEST_CASE("another rope base is seen at a single token, where cosine and sine do not show it") {
  const Trace single = bench().record("single.h5", {text_tokens(1)});
  Bench::Run run{text_tokens(1)};
  run.faults = {"rope.theta=1e4"};
  const FindReport report = find(single, bench().record("single_theta.h5", run));
  CHECK(report.outcome == Outcome::divergence);
  CHECK(ops_at_fault(report) == std::vector<std::string>{"rope.table"});
  REQUIRE(report.first_divergence() != nullptr);
  REQUIRE(report.first_divergence()->place);
  CHECK(report.first_divergence()->place->tap == "rope.inv_freq");
}

TEST_CASE("taps missing on one side are listed and their ops judged as a segment") {
  Bench::Run run{text_tokens(12)};
  run.taps = {"layer.*.in_norm.out",
              "layer.*.attn.q_proj",
              "layer.*.attn.k_proj",
              "layer.*.attn.v_proj",
              "layer.*.attn.q_rope",
              "layer.*.attn.k_cache",
              "layer.*.attn.v_cache",
              "layer.*.attn.probs",
              "layer.*.attn.ctx",
              "layer.*.attn.o_proj",
              "layer.*.resid*",
              "layer.*.mlp.*",
              "layer.*.post_norm.out",
              "embed",
              "rope.cos",
              "rope.sin",
              "final_norm.out",
              "logits",
              "layer.*.attn.k_rope"};
  const Trace sparse = bench().record("sparse.h5", run);
  const FindReport report = find(healthy(), sparse);
  CHECK(report.outcome == Outcome::parity);
  CHECK(report.coverage.share() == 1.0);
  CHECK(row(report, "layer.1.attn.q_rope").segment ==
        std::vector<std::string>{"layer.1.attn.q_norm", "layer.1.attn.q_heads"});
  CHECK(row(report, "layer.1.attn.softmax").segment.size() == 3);
  const bool listed = std::any_of(report.unmatched.begin(), report.unmatched.end(), [](const UnmatchedTap& tap) {
    return tap.path == "layer.1.attn.scores_raw" && tap.in_reference;
  });
  CHECK(listed);
  // and a defect inside a segment is still found, at its end
  run.faults = {"norm.weight_missing@layer.2.attn.q_norm"};
  const FindReport faulty = find(healthy(), bench().record("sparse_fault.h5", run));
  CHECK(ops_at_fault(faulty) == std::vector<std::string>{"layer.2.attn.q_rope"});
  CHECK(row(faulty, "layer.2.attn.q_norm").role == Role::unknown);
}

TEST_CASE("what no recorded input reaches is unknown, never clean") {
  Bench::Run run{text_tokens(12)};
  run.taps = {"embed", "logits"};
  run.faults = {"mask.off_by_one@layer.3"};
  run.edit_header = [](TraceHeader& header) { header.graph_json = to_json(bench().model().graph); };  // hides it
  const FindReport report = find(healthy(), bench().record("ends.h5", run));
  CHECK(report.outcome != Outcome::parity);
  CHECK(row(report, "embed").role == Role::clean);
  CHECK(row(report, "logits").role != Role::clean);
  CHECK(row(report, "layer.3.attn.o_proj").role == Role::unknown);
}

TEST_CASE("another prompt and another checkpoint are inconclusive, a fork only if nothing else is found") {
  std::vector<int64_t> other = text_tokens(12);
  other[5] = 66;
  const FindReport prompt = find(healthy(), bench().record("prompt.h5", {other}));
  CHECK(prompt.outcome == Outcome::inconclusive);
  CHECK(prompt.findings.at(0).code == "P0402");
  CHECK(prompt.headline.find("position 5") != std::string::npos);

  Bench::Run foreign{text_tokens(12)};
  foreign.edit_header = [](TraceHeader& header) { header.files.at("config.json") = "00 1"; };
  const FindReport checkpoint = find(healthy(), bench().record("checkpoint.h5", foreign));
  CHECK(checkpoint.outcome == Outcome::inconclusive);
  CHECK(checkpoint.findings.at(0).code == "P0401");

  Bench::Run left{text_tokens(12)}, right{text_tokens(12)};
  left.prefill = right.prefill = 8;
  right.tokens[10] = 66;
  const Trace reference = bench().record("fork_ref.h5", left);
  const FindReport fork = find(reference, bench().record("fork.h5", right));
  CHECK(fork.outcome == Outcome::inconclusive);
  CHECK(fork.coverage.positions == 10);
  CHECK(fork.findings.at(0).code == "P0405");
  right.faults = {"mask.off_by_one@layer.3"};
  const FindReport both = find(reference, bench().record("fork_fault.h5", right));
  CHECK(both.outcome == Outcome::divergence);
  CHECK(both.first_divergence()->op == "layer.3.attn.scores_masked");
}

TEST_CASE("a shape that cannot meet is incomparable, with the permutation that would fit") {
  Bench::Run run{text_tokens(12)};
  run.edit = [](TapSpec& spec, Tensor& values) {
    if (spec.path != "layer.1.attn.q_rope") return;
    std::swap(spec.axes[1], spec.axes[2]);
    Tensor turned(values.dtype(), {values.shape()[0], values.shape()[2], values.shape()[1], values.shape()[3]});
    std::memset(turned.mutable_data(), 0, turned.byte_size());
    values = turned;
  };
  const FindReport report = find(healthy(), bench().record("turned.h5", run));
  CHECK(report.outcome == Outcome::divergence);
  CHECK(row(report, "layer.1.attn.q_rope").role == Role::incomparable);
  const Finding& first = *report.first_divergence();
  CHECK(first.code == "P0101");
  CHECK(first.role == Role::incomparable);
  CHECK(first.evidence.at(1).find("(0, 2, 1, 3)") != std::string::npos);
}

TEST_CASE("a parameter that differs as used is a finding even where no number shows it") {
  Bench::Run run{text_tokens(12)};
  run.edit_header = [](TraceHeader& header) { header.parameters.at("model.norm.weight") = "other"; };
  const FindReport report = find(healthy(), bench().record("parameter.h5", run));
  CHECK(report.outcome == Outcome::divergence);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].code == "P0403");
  CHECK(report.findings[0].op == "final_norm");
  CHECK(report.first_divergence() == &report.findings[0]);
}

TEST_CASE("a reference that breaks its own contract is called the outlier; the candidate is not blamed") {
  Bench::Run run{text_tokens(12)};
  run.faults = {"weight.transposed@layer.1.attn.o_proj"};
  const Trace faulty = bench().record("outlier.h5", run);
  const FindReport weights = find(faulty, healthy());
  CHECK(ops_at_fault(weights).empty());
  CHECK(row(weights, "layer.1.attn.o_proj").reference_failed);
  CHECK(std::any_of(weights.findings.begin(), weights.findings.end(),
                    [](const Finding& finding) { return finding.code == "P0206"; }));
  run.faults = {"norm.eps=1e-2@layer.1.in_norm"};
  const FindReport graph = find(bench().record("outlier_graph.h5", run), healthy());
  CHECK(graph.outcome == Outcome::inconclusive);
  CHECK(row(graph, "layer.1.in_norm").reference_failed);
}

TEST_CASE("the report does not depend on the number of threads", "[threads]") {
  Bench::Run run{text_tokens(12)};
  run.faults = {"gqa.map@layer.1"};
  const Trace candidate = bench().record("threads.h5", run);
  const FindReport one = find_divergence(healthy(), candidate, bench().model(), {1, 3, 7});
  const FindReport four = find_divergence(healthy(), candidate, bench().model(), {4, 3, 7});
  REQUIRE(one.ops.size() == four.ops.size());
  for (size_t i = 0; i < one.ops.size(); ++i) {
    INFO(one.ops[i].op);
    CHECK(one.ops[i].role == four.ops[i].role);
    CHECK(std::memcmp(&one.ops[i].own, &four.ops[i].own, sizeof(double)) == 0);
    CHECK(std::memcmp(&one.ops[i].gain, &four.ops[i].gain, sizeof(double)) == 0);
    CHECK(std::memcmp(&one.ops[i].benign_high, &four.ops[i].benign_high, sizeof(double)) == 0);
  }
  CHECK(one.headline == four.headline);
}
