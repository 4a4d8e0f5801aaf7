// SPDX-License-Identifier: Apache-2.0
// Where even right results are mostly rounding, being right says nothing: the gate is invalid there, the report says
// which side is off, and everything else is judged as ever.
#include <algorithm>
#include <cstring>

#include "locate/codes.h"
#include "locate/find.h"
#include "support/catch.h"
#include "unit/locate/reports.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

void overwrite(Tensor& tensor, const std::vector<double>& values) {
  const Tensor filled = Tensor::from_values(tensor.dtype(), tensor.shape(), values);
  std::memcpy(tensor.mutable_data(), filled.data(), filled.byte_size());
}

/// Every row of the tensor's last axis (or, `by_row`, of the one before) becomes these three values, then zeros.
void fill(Tensor& tensor, const double (&three)[3], bool by_row) {
  const Shape& shape = tensor.shape();
  const auto width = shape.back(), rows = shape[shape.size() - 2];
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const int64_t at = by_row ? i / width % rows : i % width;
    values.push_back(at < 3 ? three[at] : 0.0);
  }
  overwrite(tensor, values);
}

/// 2^24 + 1.5 - 2^24 in layer 1: 1.5, or added from the left 2, since 2^24 + 1.5 rounds to 2^24 + 2.
Trace cancelling(const std::string& name, double result) {
  Bench::Run run{text_tokens(6)};
  run.edit = [result](TapSpec& spec, Tensor& values) {
    if (spec.path == "layer.1.attn.probs") fill(values, {1.0, 1.0, 1.0}, false);
    if (spec.path == "layer.1.attn.v_cache") fill(values, {0x1p24, 1.5, -0x1p24}, true);
    if (spec.path == "layer.1.attn.ctx")
      overwrite(values, std::vector<double>(static_cast<size_t>(values.count()), result));
  };
  return bench().record(name, run);
}

FindReport find(const Trace& reference, const Trace& candidate) {
  FindOptions options;
  options.ignore_digests = true;
  return find_divergence(reference, candidate, bench().model(), options);
}

const Finding* finding_of(const FindReport& report, std::string_view code, const std::string& op) {
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [&](const Finding& one) { return one.code == code && one.op == op; });
  return found == report.findings.end() ? nullptr : &*found;
}

/// Of both sides, and of the bounds of three terms of 2^24 beside a result of 1.5: far above 1.
void check_ill(const FindReport& report, const std::string& outlier) {
  INFO(report.headline);
  const OpRow& ctx = row(report, "layer.1.attn.ctx");
  CHECK_FALSE(ctx.judged);
  CHECK_FALSE(ctx.failed);
  CHECK_FALSE(ctx.reference_failed);
  CHECK(ctx.reason.starts_with("gate invalid: ill-conditioned, right results may be off by "));
  CHECK(ctx.role == Role::unknown);
  const Finding* finding = finding_of(report, code::kIllConditioned, "layer.1.attn.ctx");
  REQUIRE(finding != nullptr);
  CHECK(finding->level == Level::warning);
  CHECK(finding->evidence.front().ends_with(outlier));
}

}  // namespace

TEST_CASE("an op whose right results differ by a third of their size is not judged, and the report says which is off") {
  const Trace left = cancelling("left.h5", 2.0), right = cancelling("right.h5", 1.5);
  const FindReport forward = find(left, right), backward = find(right, left);
  // |2 - 1.5| / 1.5 against nothing.
  check_ill(forward,
            "of the reference: 0.33 of its values (root mean squares), of the candidate: 0; the reference is "
            "the outlier");
  check_ill(backward,
            "of the reference: 0 of its values (root mean squares), of the candidate: 0.33; the candidate is "
            "the outlier");
}

TEST_CASE("an ill-conditioned op is no parity, and no bar to a finding elsewhere") {
  // The ops behind the edited tensors read them; those that made them are at fault on both sides alike.
  const Trace left = cancelling("left_once_more.h5", 2.0);
  const FindReport report = find(left, cancelling("right_once_more.h5", 1.5));
  INFO(report.headline);
  CHECK(report.outcome == Outcome::inconclusive);
  CHECK(report.headline.find("1 op is ill-conditioned: the gate is invalid there") != std::string::npos);
  const Finding* both = finding_of(report, code::kReferenceOutlier, "layer.1.attn.softmax");
  REQUIRE(both != nullptr);
  CHECK(both->title.find("both sides break the contract") != std::string::npos);
}

TEST_CASE("equal bits need no gate, however ill-conditioned the op is") {
  const FindReport report = find(cancelling("same_left.h5", 1.5), cancelling("same_right.h5", 1.5));
  CHECK(row(report, "layer.1.attn.ctx").role == Role::clean);
  CHECK(finding_of(report, code::kIllConditioned, "layer.1.attn.ctx") == nullptr);
}
