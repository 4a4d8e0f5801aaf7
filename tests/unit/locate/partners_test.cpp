// SPDX-License-Identifier: Apache-2.0
// Taps whose partner is missing: in some steps, or because the other side calls it something else.
#include <plumbline/error.h>

#include <algorithm>
#include <functional>

#include "locate/find.h"
#include "locate/name_map.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

constexpr const char* kTap = "layer.1.in_norm.out";

/// Five steps: eight tokens, then one by one.
Trace record(const std::string& name, const std::function<void(TapSpec&, Tensor&)>& edit = {}) {
  Bench::Run run{text_tokens(12)};
  run.prefill = 8;
  run.edit = edit;
  return bench().record(name, run);
}

/// The same trace with the taps that `change` keeps, as it leaves them.
Trace changed(const Trace& trace, const std::function<bool(TapEntry&)>& change) {
  std::vector<std::pair<TapEntry, Tensor>> taps;
  for (TapEntry entry : trace.taps()) {
    const Tensor tensor = trace.read(entry);
    if (change(entry)) taps.emplace_back(std::move(entry), tensor);
  }
  return trace.with_only(std::move(taps));
}

Trace only_in_step(const Trace& trace, int64_t step) {
  return changed(trace, [&](const TapEntry& tap) { return tap.path != kTap || tap.step == step; });
}

/// A defect in one step: `edit` sees the tap once in each.
Trace with_defect(const std::string& name, int step) {
  int seen = 0;
  return record(name, [&](TapSpec& spec, Tensor& tensor) {
    if (spec.path == kTap && seen++ == step) *tensor.mutable_data() ^= std::byte{1};
  });
}

bool said(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

bool unmatched(const FindReport& report) {
  return std::any_of(report.unmatched.begin(), report.unmatched.end(),
                     [](const UnmatchedTap& tap) { return tap.path == kTap; });
}

}  // namespace

TEST_CASE("values alone: a tap of some steps is compared in these, and the rest is said") {
  const Trace reference = record("reference.h5");
  const Trace sound = only_in_step(record("sound.h5"), 2);
  const Trace broken = only_in_step(with_defect("broken.h5", 2), 2);
  const Trace broken_elsewhere = only_in_step(with_defect("elsewhere.h5", 3), 2);
  struct Row {
    const Trace& left;
    const Trace& right;
    Outcome outcome;
  };
  const Row rows[] = {{reference, sound, Outcome::parity},
                      {sound, reference, Outcome::parity},
                      {reference, broken, Outcome::divergence},
                      {broken, reference, Outcome::divergence},
                      {reference, broken_elsewhere, Outcome::parity}};
  for (const Row& row : rows) {
    const FindReport report = compare_values(row.left, row.right);
    CHECK(report.outcome == row.outcome);
    CHECK_FALSE(unmatched(report));
    CHECK(said(report.notes, "1 tap(s) were recorded by both sides in some of the 5 common steps only"));
    CHECK(said(report.notes, "'layer.1.in_norm.out' in 1; compared where both sides hold them"));
    if (row.outcome == Outcome::divergence) CHECK(report.first_divergence()->place->candidate_step == 2);
  }
  CHECK(compare_values(reference, record("whole.h5")).notes.empty());
}

TEST_CASE("taps of steps that the other side lacks stay one-sided") {
  const Trace left = only_in_step(record("left.h5"), 1), right = only_in_step(record("right.h5"), 2);
  const FindReport report = compare_values(left, right);
  CHECK(unmatched(report));
  CHECK(report.outcome == Outcome::parity);  // of everything else
}

TEST_CASE("a tap of some steps is judged as missing by the walk, which says so") {
  const FindReport report =
      find_divergence(record("walked.h5"), only_in_step(record("partly.h5"), 0), bench().model(), {2, 4, 1});
  CHECK(report.outcome == Outcome::parity);
  CHECK(unmatched(report));
  CHECK(said(report.notes, "in some of the 5 common steps only"));
}

TEST_CASE("names that no graph knows are told apart from taps that are missing, with the way to map them") {
  const Trace reference = record("named.h5");
  const Trace strange = changed(record("strange.h5"), [](TapEntry& tap) {
    tap.path = "engine." + tap.path;
    return true;
  });
  const FindReport reports[] = {find_divergence(reference, strange, bench().model(), {2, 4, 1}),
                                find_divergence(strange, strange, bench().model(), {2, 4, 1}),
                                compare_values(reference, strange)};
  for (const FindReport& report : reports) {
    CHECK(report.outcome == Outcome::inconclusive);
    REQUIRE_FALSE(report.findings.empty());
    const Finding& finding = report.findings.back();
    CHECK(finding.code == "P0103");
    CHECK(said(finding.evidence, "strange.h5: "));
    CHECK(said(finding.evidence, "names are no tap paths: 'engine.tokens', 'engine.positions', 'engine.embed', ..."));
    CHECK(said(finding.help, "--map FILE"));
    CHECK(said(finding.help, "hf-qwen3"));
  }
  const Trace few = changed(reference, [](const TapEntry& tap) { return tap.path == "logits"; });
  const Trace others = changed(reference, [](const TapEntry& tap) { return tap.path == "embed"; });
  const FindReport report = find_divergence(few, others, bench().model(), {2, 4, 1});
  REQUIRE_FALSE(report.findings.empty());
  CHECK_FALSE(said(report.findings.back().help, "--map"));
}

TEST_CASE("a layout that does not fit is refused with the rule that asks for it") {
  const Trace trace = record("laid_out.h5");
  struct Row {
    std::string extents, reason;
  };
  const Row rows[] = {{"4294967296, 4294967296, 4294967296", "more elements than can be counted"},
                      {"7, -1", "has not the elements of"},
                      {"3, 3", "has not the elements of"}};
  for (const Row& row : rows) {
    INFO(row.extents);
    const NameMap map = parse_name_map(
        R"({"schema": "plumbline-map/1", "taps": {"layer.{i}.in_norm.out": {"tap": "layer.{i}.x", "do": [["reshape", )" +
            row.extents + "]]}}}",
        "m.json");
    test::require_parts(
        test::error_text<InputError>([&] { apply_name_map(trace, map); }),
        {"map m.json", "layer.0.in_norm.out", "rule    'layer.{i}.in_norm.out' = 'layer.{i}.x'", row.reason});
  }
}
