// SPDX-License-Identifier: Apache-2.0
// Blame: by hand on a graph of three ops, and on runs of a small model with planted faults.
#include "locate/blame.h"

#include <algorithm>
#include <cmath>

#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

Trace run_of(const std::string& name, const std::vector<std::string>& faults,
             const std::vector<std::string>& taps = {"*"}, int64_t prefill = 0) {
  Bench::Run run;
  run.tokens = text_tokens(12);
  run.prefill = prefill;
  run.faults = faults;
  run.taps = taps;
  return bench().record(name, run);
}

Blame blamed(const Trace& reference, const Trace& candidate, double resolve = 0.1) {
  const Blame blame = blame_logits(reference, candidate, bench().model(), {2, resolve});
  INFO(blame.reason);
  REQUIRE_FALSE(blame.pieces.empty());
  CHECK(blame.residue <= 1e-9);
  CHECK(blame.share_sum() == Approx(1.0).epsilon(1e-9));
  return blame;
}

std::vector<std::string> culprits(const Blame& blame, size_t count) {
  std::vector<std::string> names;
  for (const size_t i : blame.by_share())
    if (names.size() < count) names.push_back(blame.pieces[i].last);
  std::sort(names.begin(), names.end());
  return names;
}

const BlamePiece& piece_of(const Blame& blame, const std::string& op) {
  const auto found =
      std::find_if(blame.pieces.begin(), blame.pieces.end(), [&](const BlamePiece& piece) { return piece.last == op; });
  REQUIRE(found != blame.pieces.end());
  return *found;
}

/// tokens -> e (a copy) -> a = 2 e and b = e; logits = a + b; in f32, two tokens of a vocabulary of two.
Model linear_model() {
  Model model;
  model.config.dtype = DType::f32;
  model.config.vocab = 2;
  const std::vector<std::string> axes = {"batch", "token", "channel"};
  const auto add = [&](const char* name, OpKind kind, std::vector<std::string> inputs, std::vector<std::string> names,
                       const char* contract) {
    Op op{name, kind, -1, std::move(inputs), std::move(names), {}, contract, {{name, DType::f32, axes, false}}};
    if (kind == OpKind::embedding) op.attributes = {{"scale", 1.0}};
    model.graph.ops.push_back(op);
  };
  add("e", OpKind::embedding, {"tokens"}, {"table"}, "embedding/copy");
  add("a", OpKind::linear, {"e"}, {"double"}, "linear/f32acc");
  add("b", OpKind::linear, {"e"}, {"same"}, "linear/f32acc");
  add("logits", OpKind::add, {"a", "b"}, {}, "add/rounded");
  const auto matrix = [](std::vector<double> values) { return Tensor::from_values(DType::f32, {2, 2}, values); };
  model.parameters = {
      {"table", matrix({1, 0, 0, 1})}, {"double", matrix({2, 0, 0, 2})}, {"same", matrix({1, 0, 0, 1})}};
  return model;
}

/// Taps of one step for the tokens 0 and 1, in the graph's order.
Trace linear_trace(const Model& model, const std::string& name, const std::vector<std::vector<double>>& taps) {
  TraceHeader header;
  header.graph_json = to_json(model.graph);
  TraceWriter writer(bench().file(name), header, {});
  writer.begin_step({0, 0, {0, 1}});
  for (size_t i = 0; i < taps.size(); ++i)
    writer.record(model.graph.ops[i].outputs[0], Tensor::from_values(DType::f32, {1, 2, 2}, taps[i]).view());
  writer.finish();
  return Trace::open(bench().file(name));
}

}  // namespace

TEST_CASE("shares and margins of linear ops are those worked out by hand") {
  const Model model = linear_model();
  // e = I, a = 2 I, b = I: logits 3 I. The candidate's a is off by 3 in one element, its b by 4 in another; the
  // reference's sum is off by -1 in a third. dz = (-3, 4, +1, 0), |dz|^2 = 26.
  const Trace reference = linear_trace(model, "hand_r.h5", {{1, 0, 0, 1}, {2, 0, 0, 2}, {1, 0, 0, 1}, {3, 0, -1, 3}});
  const Trace candidate = linear_trace(model, "hand_c.h5", {{1, 0, 0, 1}, {-1, 0, 0, 2}, {1, 4, 0, 1}, {0, 4, 0, 3}});
  const Blame blame = blame_logits(reference, candidate, model, {1, 0.0});
  REQUIRE(blame.pieces.size() == 4);
  CHECK(blame.residue == 0.0);
  CHECK(blame.max_abs == 4.0);
  CHECK(blame.rms == Approx(std::sqrt(26.0 / 4.0)));
  const double shares[] = {0.0, 9.0 / 26.0, 16.0 / 26.0, 1.0 / 26.0};
  for (size_t i = 0; i < 4; ++i) {
    INFO(blame.pieces[i].last);
    CHECK(blame.pieces[i].resolved());
    CHECK(blame.pieces[i].share == Approx(shares[i]).margin(1e-12));
    CHECK(blame.pieces[i].reference_share == Approx(i == 3 ? 1.0 / 26.0 : 0.0).margin(1e-12));
    CHECK(blame.pieces[i].size == Approx(std::sqrt(shares[i])).margin(1e-12));
  }
  CHECK(blame.pieces[1].max_abs == 3.0);
  // Token 0: the margin of 3 over token 1 becomes -4: a takes 3 of the 7, b 4.
  REQUIRE(blame.flips.size() == 1);
  const MarginFlip& flip = blame.flips.front();
  CHECK(flip.position == 0);
  CHECK(flip.reference_margin == 3.0);
  CHECK(flip.candidate_margin == -4.0);
  CHECK(blame.pieces[flip.piece].last == "b");
  CHECK(flip.moved == -4.0);
  CHECK(flip.share() == Approx(4.0 / 7.0));
}

TEST_CASE("a planted fault's op carries the largest share, whoever has it") {
  for (const std::string fault : {"norm.eps=1e-1@layer.2.in_norm", "rope.theta=1e2@layer.1", "gqa.map@layer.3"}) {
    INFO(fault);
    const Trace faulty = run_of(fault.substr(0, 6) + ".h5", {fault});
    const Blame blame = blamed(healthy(), faulty);
    const BlamePiece& culprit = blame.pieces[blame.by_share().front()];
    CHECK(culprit.resolved());
    CHECK(culprit.last.starts_with(fault.substr(fault.find('@') + 1)));
    CHECK(culprit.candidate_share > 0.5);
    CHECK(std::fabs(culprit.reference_share) < 0.05);
    const Blame exchanged = blamed(faulty, healthy());
    CHECK(exchanged.pieces[exchanged.by_share().front()].last == culprit.last);
  }
}

TEST_CASE("where the reference has the defect, its own part is what is large") {
  const Blame blame = blamed(run_of("weights.h5", {"norm.weight_missing@layer.2.post_norm"}), healthy());
  const BlamePiece& culprit = blame.pieces[blame.by_share().front()];
  CHECK(culprit.last == "layer.2.post_norm");
  CHECK(culprit.reference_share > 0.5);
  CHECK(std::fabs(culprit.candidate_share) < 0.05);
}

TEST_CASE("two planted faults are both on top, and their shares make up the whole") {
  const Blame blame =
      blamed(healthy(), run_of("two.h5", {"norm.weight_missing@layer.0.post_norm", "softmax.scale_missing@layer.3"}));
  CHECK(culprits(blame, 2) == std::vector<std::string>{"layer.0.post_norm", "layer.3.attn.scores_scaled"});
  CHECK(piece_of(blame, "layer.0.post_norm").share + piece_of(blame, "layer.3.attn.scores_scaled").share ==
        Approx(1.0).margin(0.05));
}

TEST_CASE("equal runs have nothing to blame, nor have those without logits or common tokens") {
  const Blame equal = blame_logits(healthy(), run_of("again.h5", {}), bench().model());
  CHECK(equal.reason == "the logits are equal");
  CHECK(equal.pieces.empty());
  CHECK(equal.comparable);
  const Blame without = blame_logits(healthy(), run_of("without.h5", {}, {"layer.*"}), bench().model());
  CHECK(without.reason == "logits was not recorded on both sides");
  CHECK_FALSE(without.comparable);
}

TEST_CASE("the error of ops that were not recorded appears at the next recorded one, which names them") {
  const std::vector<std::string> outputs = {"embed", "layer.*.resid2", "logits"};
  const std::string fault = "norm.eps=1e-1@layer.2.in_norm";
  const Blame blame = blamed(run_of("sparse_r.h5", {}, outputs), run_of("sparse_c.h5", {fault}, outputs));
  CHECK(blame.pieces.size() == 6);
  const BlamePiece& culprit = blame.pieces[blame.by_share().front()];
  CHECK(culprit.last == "layer.2.resid2");
  CHECK(culprit.resolved());
  CHECK(std::find(culprit.through.begin(), culprit.through.end(), "layer.2.in_norm") != culprit.through.end());
  CHECK(std::find(culprit.through.begin(), culprit.through.end(), "layer.1.in_norm") == culprit.through.end());
}

TEST_CASE("steps may be cut differently on the two sides") {
  const Blame blame =
      blamed(healthy(),
             run_of("steps.h5", {"mask.off_by_one@layer.1", "norm.weight_missing@layer.3.post_norm"}, {"*"}, 7), 0.01);
  CHECK(blame.positions == 12);
  CHECK(culprits(blame, 2) == std::vector<std::string>{"layer.1.attn.scores_masked", "layer.3.post_norm"});
}

TEST_CASE("what is not worth splitting stays a segment, and the sum is the same") {
  const Trace faulty = run_of("coarse.h5", {"norm.eps=1e-1@layer.2.in_norm"});
  const Blame coarse = blamed(healthy(), faulty, 1e9), fine = blamed(healthy(), faulty, 0.0);
  CHECK(coarse.pieces.size() == 6);
  CHECK(coarse.pieces[coarse.by_share().front()].first == "layer.2.in_norm");
  CHECK_FALSE(coarse.pieces[coarse.by_share().front()].resolved());
  CHECK(fine.pieces.size() > 50);
  const Blame named = blame_logits(healthy(), faulty, bench().model(), {2, 1e9, {"layer.1.attn.q_proj", "embed"}});
  CHECK(named.pieces.size() == 9);
  CHECK(piece_of(named, "layer.1.attn.q_proj").resolved());
  CHECK(piece_of(named, "embed").resolved());
  CHECK(fine.tails > coarse.tails);
}
