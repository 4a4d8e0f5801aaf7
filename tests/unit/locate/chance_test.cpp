// SPDX-License-Identifier: Apache-2.0
// Errors that hold every bound and are still no rounding's fail their op: too large in f32, where every last bit is
// noise and bits say nothing, or all to one side.
#include <algorithm>

#include "locate/codes.h"
#include "locate/find.h"
#include "support/catch.h"
#include "support/tiny_model.h"
#include "unit/locate/reports.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

const std::string kOp = "layer.0.post_norm";

const Bench& bench_f32() {
  static const Bench shared = [] {
    TinyModelOptions options;
    options.layers = 1;
    options.hidden = 1024;
    options.dtype = "float32";
    return Bench(options);
  }();
  return shared;
}

FindReport find_f32(const Trace& reference, const Trace& candidate) {
  return find_divergence(reference, candidate, bench_f32().model(), {.threads = 2, .draws = 0});
}

const Trace& right() {
  static const Trace trace = bench_f32().record("right.h5", {text_tokens(12)});
  return trace;
}

/// The norm's results, each larger by that many units of 2^-24 of its size.
Trace outward(const std::string& name, double units) {
  Bench::Run run{text_tokens(12)};
  run.edit = [units](TapSpec& spec, Tensor& values) {
    if (spec.path != kOp + ".out") return;
    Array held = to_array(values.view());
    for (double& value : held.values) value = round_to(DType::f32, value * (1.0 + units * 0x1p-24));
    values = Tensor::from_values(DType::f32, held.shape, held.values);
  };
  return bench_f32().record(name, run);
}

bool tells(const Finding& finding, const std::string& part) {
  return std::any_of(finding.evidence.begin(), finding.evidence.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

}  // namespace

TEST_CASE("an eps of 1e-5 for 1e-6 is found in f32 by the size of its errors alone, on either side") {
  Bench::Run run{text_tokens(12)};
  run.faults = {"norm.eps=1e-5@" + kOp};
  const Trace wrong = bench_f32().record("eps.h5", run);
  const FindReport forward = find_f32(right(), wrong);
  INFO(forward.headline);
  REQUIRE(forward.first_divergence() != nullptr);
  const Finding& finding = *forward.first_divergence();
  CHECK(finding.op == kOp);
  CHECK(row(forward, kOp).own_share <= 1.0);
  CHECK(row(forward, kOp).loudness > 10.0);

  const FindReport backward = find_f32(wrong, right());
  CHECK(backward.outcome == Outcome::inconclusive);
  CHECK(row(backward, kOp).reference_failed);
}

TEST_CASE("errors no larger than a long sum's drift, but all outward, are found by their lean") {
  const FindReport report = find_f32(right(), outward("outward.h5", 30.0));
  INFO(report.headline << " " << row(report, kOp).loudness << " " << row(report, kOp).bias);
  REQUIRE(report.first_divergence() != nullptr);
  CHECK(report.first_divergence()->op == kOp);
  CHECK(report.first_divergence()->code == code::kMismatch);
  CHECK(tells(*report.first_divergence(), "leaning to one side by"));
  CHECK(row(report, kOp).loudness < 10.0);
  CHECK(row(report, kOp).bias > 6.5);
}

TEST_CASE("what right orders of sums make of f32 is neither too large nor leaning") {
  for (const uint64_t seed : {1, 2, 3}) {
    Bench::Run run{text_tokens(12)};
    run.draw = Draw{seed};
    const FindReport report = find_f32(right(), bench_f32().record("drawn" + std::to_string(seed) + ".h5", run));
    INFO(report.headline);
    CHECK(report.first_divergence() == nullptr);
    CHECK(row(report, kOp).loudness > 0.0);
  }
}
