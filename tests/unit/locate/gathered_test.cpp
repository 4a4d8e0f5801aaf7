// SPDX-License-Identifier: Apache-2.0
// Unequal bits that gather in one channel fail their op, also where every step holds but one of them.
#include <algorithm>

#include "locate/codes.h"
#include "locate/find.h"
#include "locate/op_walk.h"
#include "oracle/oracle.h"
#include "support/catch.h"
#include "support/tiny_model.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

constexpr int64_t kTokens = 40;
const std::string kOp = "layer.0.mlp.down_proj";

/// Sums of 4096 terms, so that many a rounding is open.
const Bench& bench() {
  static const Bench shared = [] {
    TinyModelOptions options;
    options.layers = 1;
    options.intermediate = 4096;
    return Bench(options);
  }();
  return shared;
}

/// Rounds channel 5 of the op the other way, wherever that is as right.
class OtherWay {
 public:
  OtherWay() { load_parameters(op_, bench().model(), parameters_); }
  void operator()(TapSpec& spec, Tensor& values) {
    if (spec.path == op_.inputs.front()) input_ = to_array(values.view());
    if (spec.path != kOp) return;
    OpInputs in;
    in.inputs = {input_};
    in.parameters = parameters_.values;
    const Evaluated right = evaluate(op_, find_contract(op_.contract), in, DType::bf16)[0];
    const auto width = static_cast<size_t>(values.shape().back());
    for (size_t i = 5; i < right.rounded.size(); i += width) {
      if (right.spread[i] == 0.0) continue;
      const double up = right.exact.values[i] > right.rounded[i] ? 1.0 : -1.0;
      encode(DType::bf16, right.rounded[i] + up * ulp(DType::bf16, right.rounded[i]),
             values.mutable_data() + 2 * static_cast<int64_t>(i));
    }
  }

 private:
  const Op& op_ = *bench().model().graph.find(kOp);
  OpParameters parameters_;
  Array input_;
};

Trace record(const std::string& name, bool other_way, std::vector<std::string> taps = {"*"}) {
  Bench::Run run{text_tokens(kTokens)};
  run.prefill = 1;
  run.taps = std::move(taps);
  if (other_way) run.edit = OtherWay();
  return bench().record(name, run);
}

FindReport find(const Trace& reference, const Trace& candidate) {
  return find_divergence(reference, candidate, bench().model(), {.threads = 2, .draws = 0});
}

}  // namespace

TEST_CASE("one unequal bit a step is a finding where it is the same channel's in step after step") {
  const Trace right = record("right.h5", false), wrong = record("wrong.h5", true);
  const FindReport forward = find(right, wrong);
  INFO(forward.headline);
  REQUIRE(forward.first_divergence() != nullptr);
  const Finding& finding = *forward.first_divergence();
  CHECK(finding.op == kOp);
  CHECK(finding.code == code::kMismatch);
  REQUIRE(finding.place.has_value());
  CHECK(finding.place->candidate_index.back() == 5);
  CHECK(std::any_of(finding.evidence.begin(), finding.evidence.end(), [](const std::string& line) {
    return line.starts_with("they gather in channel 5, all steps together: ");
  }));
  // The residual behind it was recorded from what the op gave before it was changed.
  for (const Finding& one : forward.findings)
    if (one.role && one.level == Level::error) CHECK((one.op == kOp || one.op == "layer.0.resid2"));
  const auto row = std::find_if(forward.ops.begin(), forward.ops.end(), [](const OpRow& one) { return one.op == kOp; });
  CHECK(row->own_share <= 1.0);
  CHECK(row->rms_ratio > 1.0);

  const FindReport backward = find(wrong, right);
  CHECK(backward.outcome == Outcome::inconclusive);
  CHECK(std::any_of(backward.findings.begin(), backward.findings.end(),
                    [](const Finding& one) { return one.op == kOp && one.code == code::kReferenceOutlier; }));
}
