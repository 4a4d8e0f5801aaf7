// SPDX-License-Identifier: Apache-2.0
// What must not matter: which side has the defect (the op is the same, the side is named), and in which order the taps
// lie in a file.
#include <algorithm>
#include <cstring>

#include "locate/codes.h"
#include "locate/find.h"
#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

enum class Graph { stated, hidden };  // hidden: it is the healthy one, and does not tell what was planted

Trace faulty(const std::vector<std::string>& faults, Graph graph = Graph::stated) {
  static int number = 0;
  Bench::Run run{text_tokens(12)};
  run.faults = faults;
  if (graph == Graph::hidden)
    run.edit_header = [](TraceHeader& header) { header.graph_json = to_json(bench().model().graph); };
  return bench().record("faulty" + std::to_string(number++) + ".h5", run);
}

FindReport find(const Trace& reference, const Trace& candidate) {
  FindOptions options{2, 4, 1};
  options.ignore_digests = true;  // the numbers alone
  return find_divergence(reference, candidate, bench().model(), options);
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

TEST_CASE("with the sides exchanged the same op is named, and the reference as the outlier") {
  struct Row {
    std::string fault, op;
    Graph graph = Graph::hidden;
  };
  const Row rows[] = {
      {"norm.eps=1e-2@layer.1.in_norm", "layer.1.in_norm"},
      {"norm.weight_missing@layer.3.attn.q_norm", "layer.3.attn.q_norm"},
      {"rope.interleaved@layer.1", "layer.1.attn.q_rope"},
      {"rope.theta=1e4", "rope.table"},
      {"gqa.map@layer.2", "layer.2.attn.scores_raw"},
      {"mask.off_by_one@layer.3", "layer.3.attn.scores_masked"},
      {"softmax.scale_missing@layer.0", "layer.0.attn.scores_scaled"},
      {"weight.transposed@layer.1.attn.o_proj", "layer.1.attn.o_proj"},
      {"weight.clamped@layer.2.mlp.down_proj", "layer.2.mlp.down_proj"},
      {"attn.k_v_swapped@layer.1", "layer.1.attn.k_proj"},
      {"embed.scale", "embed"},
      {"head.untied", "logits"},
      {"k_norm.dropped@layer.1", "layer.1.attn.k_norm", Graph::stated},
      {"residual.dropped@layer.2.resid1", "layer.2.resid1", Graph::stated},
      {"linear.unnormed_input@layer.2.attn.v_proj", "layer.2.attn.v_proj"},
      {"rope.theta=1e4@layer.2", "layer.2.attn.q_rope"},
  };
  for (const Row& row : rows) {
    INFO(row.fault);
    const Trace trace = faulty({row.fault}, row.graph);
    const FindReport forward = find(healthy(), trace), backward = find(trace, healthy());
    REQUIRE(forward.first_divergence() != nullptr);
    CHECK(forward.first_divergence()->op == row.op);
    INFO(backward.headline);
    const auto first = std::find_if(backward.findings.begin(), backward.findings.end(),
                                    [](const Finding& finding) { return finding.role.has_value(); });
    for (const Finding& finding : backward.findings) UNSCOPED_INFO(finding.code << " " << finding.title);
    CHECK(first != backward.findings.end());
    if (first == backward.findings.end()) continue;
    CHECK(first->op == row.op);
    CHECK(first->code == code::kReferenceOutlier);
    for (const Finding& finding : backward.findings) {
      INFO(finding.title);
      CHECK_FALSE((finding.role && finding.level == Level::error));  // nothing is held against the candidate
    }
  }
}

TEST_CASE("a parameter that the reference alone used otherwise is a warning, not the candidate's fault") {
  struct Row {
    std::string fault, code, op;
  };
  for (const Row& row : {Row{"weight.transposed@layer.1.attn.o_proj", "P0403", "layer.1.attn.o_proj"},
                         Row{"k_norm.dropped@layer.1", "P0404", "layer.1.attn.k_norm"}}) {
    INFO(row.fault);
    const Trace trace = faulty({row.fault});
    const FindReport forward = find_divergence(healthy(), trace, bench().model(), {2, 0, 1});
    const FindReport backward = find_divergence(trace, healthy(), bench().model(), {2, 0, 1});
    CHECK(forward.outcome == Outcome::divergence);
    CHECK(backward.outcome == Outcome::inconclusive);
    const std::pair<const FindReport*, Level> sides[] = {{&forward, Level::error}, {&backward, Level::warning}};
    for (const auto& [report, level] : sides) {
      const auto found = std::find_if(report->findings.begin(), report->findings.end(),
                                      [&](const Finding& finding) { return finding.code == row.code; });
      REQUIRE(found != report->findings.end());
      CHECK(found->op == row.op);
      CHECK(found->level == level);
    }
  }
}

TEST_CASE("two runs that round otherwise stay a pair of contracts when they are exchanged") {
  const Trace once = faulty({"norm.single_rounding@layer.1.in_norm"});
  const FindReport forward = find(healthy(), once), backward = find(once, healthy());
  for (const FindReport* report : {&forward, &backward}) {
    REQUIRE(report->first_divergence() != nullptr);
    CHECK(report->first_divergence()->op == "layer.1.in_norm");
    CHECK(report->first_divergence()->role == Role::contract);
  }
  CHECK(forward.first_divergence()->contract == "rmsnorm/olmo");
  CHECK(backward.first_divergence()->contract == "rmsnorm/llama");
}

TEST_CASE("the report does not depend on the order of the taps in a file") {
  const Trace trace = faulty({"norm.eps=1e-2@layer.1.in_norm", "weight.transposed@layer.2.attn.v_proj"});
  const FindReport ordered = find(healthy(), trace);
  const FindReport mixed =
      find(bench().shuffled("mixed_left.h5", healthy(), 5), bench().shuffled("mixed_right.h5", trace, 6));
  CHECK(ordered.outcome == Outcome::divergence);
  CHECK(ordered.headline == mixed.headline);
  REQUIRE(ordered.findings.size() == mixed.findings.size());
  for (size_t i = 0; i < ordered.findings.size(); ++i) {
    CHECK(ordered.findings[i].title == mixed.findings[i].title);
    CHECK(ordered.findings[i].evidence == mixed.findings[i].evidence);
  }
  REQUIRE(ordered.ops.size() == mixed.ops.size());
  for (size_t i = 0; i < ordered.ops.size(); ++i) {
    INFO(ordered.ops[i].op);
    CHECK(ordered.ops[i].op == mixed.ops[i].op);
    CHECK(ordered.ops[i].role == mixed.ops[i].role);
    CHECK(same_bits(ordered.ops[i].own, mixed.ops[i].own));
    CHECK(same_bits(ordered.ops[i].total, mixed.ops[i].total));
    CHECK(same_bits(ordered.ops[i].gain, mixed.ops[i].gain));
    CHECK(same_bits(ordered.ops[i].benign_high, mixed.ops[i].benign_high));
  }
}
