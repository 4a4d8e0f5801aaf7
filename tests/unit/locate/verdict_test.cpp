// SPDX-License-Identifier: Apache-2.0
// What a verdict must not depend on, and what must not hide a defect: a second one beside it, a mask or a residual
// after it, which side it is on, the order of the datasets, the number of threads.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "core/random.h"
#include "locate/find.h"
#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using plumbline::test::Bench;
using plumbline::test::text_tokens;

namespace {

const Bench& bench() {
  static const Bench shared;
  return shared;
}

const Trace& healthy() {
  static const Trace trace = bench().record("healthy.h5", {text_tokens(12)});
  return trace;
}

/// Judged by the numbers alone.
FindReport find(const Trace& reference, const Trace& candidate, int threads = 2) {
  FindOptions options;
  options.threads = threads;
  options.draws = 2;
  options.ignore_digests = true;
  return find_divergence(reference, candidate, bench().model(), options);
}

/// A run whose graph does not tell what was planted.
Trace record(const std::string& name, Bench::Run run) {
  run.edit_header = [](TraceHeader& header) { header.graph_json = to_json(bench().model().graph); };
  return bench().record(name, run);
}

Trace with_faults(const std::string& name, std::vector<std::string> faults) {
  Bench::Run run{text_tokens(12)};
  run.faults = std::move(faults);
  return record(name, run);
}

std::set<std::string> ops_at_fault(const FindReport& report) {
  std::set<std::string> ops;
  for (const Finding& finding : report.findings)
    if (finding.role && finding.level == Level::error) ops.insert(finding.op);
  return ops;
}

const OpRow& row(const FindReport& report, const std::string& op) {
  return *std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& one) { return one.op == op; });
}

/// Everything of a report that a reader sees of the ops.
std::string told(const FindReport& report) {
  std::string text = report.headline;
  for (const Finding& finding : report.findings) {
    text += "\n" + finding.code + " " + finding.title;
    for (const std::string& line : finding.evidence) text += "\n  " + line;
  }
  for (const OpRow& one : report.ops)
    text += "\n" + one.op + " " + std::string(role_name(one.role)) + " " + std::to_string(one.own_share) + " " +
            std::to_string(one.total) + " " + std::to_string(one.benign_gain);
  return text;
}

double value_of(const Tensor& tensor, int64_t i) { return tensor.view().at(i); }

void store(Tensor& tensor, int64_t i, double value) {
  encode(tensor.dtype(), value, tensor.mutable_data() + i * static_cast<int64_t>(element_bytes(tensor.dtype())));
}

}  // namespace

TEST_CASE("two defects are both found, in two layers and in parallel branches of one") {
  struct Row {
    std::vector<std::string> faults;
    std::set<std::string> ops;
  };
  const Row rows[] = {
      {{"norm.eps=1e-3@layer.1.in_norm", "mask.off_by_one@layer.3"}, {"layer.1.in_norm", "layer.3.attn.scores_masked"}},
      {{"norm.weight_missing@layer.2.attn.k_norm", "norm.weight_missing@layer.2.attn.q_norm"},
       {"layer.2.attn.k_norm", "layer.2.attn.q_norm"}},
      {{"norm.eps=1e-3@layer.0.post_norm", "weight.clamped@layer.0.mlp.up_proj"},
       {"layer.0.post_norm", "layer.0.mlp.up_proj"}},
  };
  int number = 0;
  for (const Row& expected : rows) {
    const FindReport report = find(healthy(), with_faults("two" + std::to_string(number++) + ".h5", expected.faults));
    INFO(told(report));
    CHECK(ops_at_fault(report) == expected.ops);
  }
}

TEST_CASE("a defect that a mask takes away after it is found") {
  Bench::Run run{text_tokens(12)};
  run.edit = [](TapSpec& spec, Tensor& values) {
    if (spec.path != "layer.2.attn.scores_scaled") return;
    const int64_t keys = values.shape()[3], tokens = values.shape()[2];
    for (int64_t i = 0; i < values.count(); ++i)
      if (i % keys > i / keys % tokens) store(values, i, value_of(values, i) + 2.0);  // what lies in the future
  };
  const FindReport report = find(healthy(), record("masked.h5", run));
  INFO(told(report));
  CHECK(ops_at_fault(report) == std::set<std::string>{"layer.2.attn.scores_scaled"});
  CHECK(row(report, "layer.2.attn.ctx").unequal == 0.0);
}

TEST_CASE("a defect that the residual rounds away after it is found") {
  Bench::Run run{text_tokens(12)};
  Tensor stream, sum;  // layer.1.resid1 and its second summand's partner, as recorded before
  stream = healthy().read(*healthy().find("layer.1.resid1", 0));
  sum = healthy().read(*healthy().find("layer.1.resid2", 0));
  int64_t moved = 0;
  run.edit = [&](TapSpec& spec, Tensor& values) {
    if (spec.path != "layer.1.mlp.down_proj") return;
    for (int64_t i = 0; i < values.count(); ++i) {
      const double other = value_of(values, i) + 2.0 * ulp(values.dtype(), value_of(values, i));
      if (round_to(values.dtype(), value_of(stream, i) + other) != value_of(sum, i)) continue;
      store(values, i, other);
      ++moved;
    }
  };
  const FindReport report = find(healthy(), record("absorbed.h5", run));
  INFO(told(report));
  CHECK(moved > 10);
  CHECK(ops_at_fault(report) == std::set<std::string>{"layer.1.mlp.down_proj"});
  CHECK(row(report, "layer.1.resid2").unequal == 0.0);
}

TEST_CASE("with the sides exchanged the same op is named, and the reference is called the outlier") {
  int number = 0;
  for (const std::string fault : {"norm.eps=1e-3@layer.2.in_norm", "mask.off_by_one@layer.1", "rope.theta=1e4@layer.3",
                                  "norm.single_rounding@layer.2.in_norm", "weight.transposed@layer.2.attn.o_proj"}) {
    const Trace faulty = with_faults("exchanged" + std::to_string(number++) + ".h5", {fault});
    const FindReport forth = find(healthy(), faulty), back = find(faulty, healthy());
    INFO(fault << "\n" << told(forth) << "\n" << told(back));
    CHECK(forth.outcome == Outcome::divergence);
    CHECK(back.outcome == Outcome::inconclusive);  // nothing is wrong with the candidate
    std::set<std::string> outliers;
    for (const Finding& finding : back.findings) {
      CHECK(finding.code == "P0206");
      CHECK(finding.title.find("the reference is the outlier") != std::string::npos);
      outliers.insert(finding.op);
    }
    CHECK(outliers == ops_at_fault(forth));
  }
}

TEST_CASE("neither the order of the datasets nor the number of threads changes the report", "[threads]") {
  const Trace faulty = with_faults("ordered.h5", {"rope.theta=1e4@layer.1"});
  std::vector<std::pair<TapEntry, Tensor>> taps;
  for (const TapEntry& tap : faulty.taps())
    if (tap.path != "layer.1.attn.scores_raw") taps.emplace_back(tap, faulty.read(tap));  // and a segment
  const std::string straight = told(find(healthy(), faulty.with_only(taps), 1));
  SplitMix64 random(5);
  for (size_t i = taps.size() - 1; i > 0; --i) std::swap(taps[i], taps[random.next() % (i + 1)]);
  const Trace shuffled = faulty.with_only(taps);
  CHECK(told(find(healthy(), shuffled, 1)) == straight);
  CHECK(told(find(healthy(), shuffled, 3)) == straight);
}
