// SPDX-License-Identifier: Apache-2.0
// Reports about some taps only: the verdicts are those of the whole comparison, and what is left out is said.
#include "locate/scope.h"

#include <plumbline/error.h>

#include <algorithm>
#include <set>

#include "locate/find.h"
#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

/// At fault in layers 1 and 3.
const Trace& faulty() {
  static const Trace trace = [] {
    Bench::Run run{text_tokens(12)};
    run.faults = {"norm.eps=1e-3@layer.1.in_norm", "rope.theta=1e4@layer.3"};
    return bench().record("faulty.h5", run);
  }();
  return trace;
}

FindOptions options(TapFilter taps) {
  FindOptions options;
  options.threads = 2;
  options.draws = 2;
  options.taps = std::move(taps);
  return options;
}

FindReport find(TapFilter taps) {
  return find_divergence(healthy(), faulty(), bench().model(), options(std::move(taps)));
}
FindReport values(TapFilter taps) { return compare_values(healthy(), faulty(), options(std::move(taps))); }

bool notes_say(const FindReport& report, const std::string& text) {
  return std::any_of(report.notes.begin(), report.notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("the selection decides what counts, not how it is judged") {
  const FindReport whole = find({});
  CHECK_FALSE(whole.scope.has_value());
  struct Row {
    TapFilter taps;
    Outcome outcome;
    std::string code, first;  // of the first divergence
  };
  const Row rows[] = {
      {{{"layer.0.*"}, {}}, Outcome::parity, "", ""},                                // before either fault
      {{{"layer.1.*"}, {}}, Outcome::divergence, "P0201", "layer.1.in_norm"},        // the first fault
      {{{"layer.3.*"}, {}}, Outcome::divergence, "P0201", "layer.3.attn.q_rope"},    // the second, not what it inherits
      {{{"layer.1.in_norm"}, {}}, Outcome::divergence, "P0201", "layer.1.in_norm"},  // an op's name: all its taps
      {{{"layer.1.in_norm.out"}, {}}, Outcome::divergence, "P0201", "layer.1.in_norm"},
      {{{}, {"layer.1.*", "layer.2.*"}}, Outcome::divergence, "P0201", "layer.3.attn.q_rope"},
      {{{"layer.2.*"}, {}}, Outcome::divergence, "P0207", "layer.2.in_norm"},  // inherits the first: no parity
      {{{"logits"}, {}}, Outcome::divergence, "P0207", "logits"},
      {{{"layer.0.*", "layer.1.*"}, {"layer.1.*"}}, Outcome::parity, "", ""}};
  for (const Row& row : rows) {
    const FindReport part = find(row.taps);
    INFO(row.first << " " << part.headline);
    CHECK(part.outcome == row.outcome);
    const Finding* first = part.first_divergence();
    CHECK((first == nullptr ? "" : first->code) == row.code);
    CHECK((first == nullptr ? "" : first->op) == row.first);
    REQUIRE(part.scope.has_value());
    CHECK(part.scope->findings_outside > 0);
    CHECK(part.headline.find("outside the selection") != std::string::npos);
    CHECK(notes_say(part, "outside the selection: error[P0"));
    CHECK(part.scope->ops_outside + static_cast<int64_t>(part.ops.size()) == static_cast<int64_t>(whole.ops.size()));
    CHECK(part.coverage.reference_ops == static_cast<int64_t>(part.ops.size()));
    CHECK(part.coverage.share() == 1.0);
    for (const OpRow& op : part.ops) {
      const auto same = std::find_if(whole.ops.begin(), whole.ops.end(), [&](const OpRow& o) { return o.op == op.op; });
      CHECK(same->role == op.role);
      CHECK(same->own_share == op.own_share);
      CHECK(op.segment.empty());
    }
  }
}

TEST_CASE("a selection that covers every fault leaves nothing outside") {
  const FindReport report = find({{"layer.1.*", "layer.3.*"}, {}});
  CHECK(report.scope->findings_outside == 0);
  CHECK(report.headline.find("outside") == std::string::npos);
  CHECK(report.findings.size() == find({}).findings.size());
}

TEST_CASE("taps are counted as recorded, by path") {
  const FindReport report = find({{"layer.*.in_norm.out"}, {"layer.3.*"}});
  CHECK(report.scope->selected_taps == 3);
  std::set<std::string> paths;
  for (const Trace* trace : {&healthy(), &faulty()})
    for (const TapEntry& tap : trace->taps()) paths.insert(tap.path);
  CHECK(report.scope->taps == static_cast<int64_t>(paths.size()));
}

TEST_CASE("comparing nothing is an error, comparing no result of an op is no parity") {
  CHECK_THROWS_AS(find({{"layer.1.*"}, {"*"}}), UsageError);
  CHECK_THROWS_AS(values({{}, {"*"}}), UsageError);
  const FindReport inner = find({{"layer.*.x32"}, {}});
  CHECK(inner.outcome == Outcome::inconclusive);
  CHECK(inner.ops.empty());
  CHECK(notes_say(inner, "--values-only"));
}

TEST_CASE("an op that was judged in a segment is not cleared by leaving out the segment's end") {
  Bench::Run run{text_tokens(12)};
  run.faults = {"norm.eps=1e-3@layer.1.in_norm"};
  run.taps = {"tokens", "positions", "embed", "rope.*", "layer.*.resid2", "layer.1.attn.q_proj", "layer.1.in_norm.x32"};
  const Trace sparse = bench().record("narrowed.h5", run);
  const FindReport report =
      find_divergence(healthy(), sparse, bench().model(), options({{"layer.1.in_norm"}, {"layer.1.attn.*"}}));
  INFO(report.headline);
  CHECK(report.outcome != Outcome::parity);
}

TEST_CASE("taps of one side are listed where they are selected, and counted where not") {
  Bench::Run run{text_tokens(12)};
  run.taps = {"tokens", "positions", "embed", "rope.*", "layer.*"};  // no logits
  const Trace part = bench().record("no_logits.h5", run);
  const FindReport outside = find_divergence(healthy(), part, bench().model(), options({{"layer.0.*"}, {}}));
  CHECK(outside.outcome == Outcome::parity);
  CHECK(outside.unmatched.empty());
  CHECK(outside.scope->unmatched_outside > 0);
  const FindReport inside = find_divergence(healthy(), part, bench().model(), options({{"logits"}, {}}));
  CHECK(inside.outcome == Outcome::inconclusive);
  REQUIRE(inside.unmatched.size() == 1);
  CHECK(inside.unmatched.front().path == "logits");
}

TEST_CASE("values alone: the first selected op that differs is named, whatever differs before it") {
  const FindReport before = values({{"layer.0.*"}, {}});
  CHECK(before.outcome == Outcome::parity);
  CHECK(before.scope->findings_outside == 1);
  CHECK(notes_say(before, "`layer.1.in_norm` is the first op whose values differ"));
  const FindReport after = values({{"layer.3.*"}, {}});
  CHECK(after.outcome == Outcome::divergence);
  REQUIRE(after.first_divergence() != nullptr);
  CHECK(after.first_divergence()->op == "layer.3.in_norm");
  CHECK(after.scope->findings_outside == 1);
  for (const OpRow& row : after.ops) CHECK(row.op.starts_with("layer.3."));
}
