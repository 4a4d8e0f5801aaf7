// SPDX-License-Identifier: Apache-2.0
// Row by row of both logits.
#include "run/forced_pair.h"

#include <algorithm>
#include <cmath>

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

bool broken(const std::vector<double>& logits) {
  return std::any_of(logits.begin(), logits.end(),
                     [](double x) { return std::isnan(x) || (std::isinf(x) && x > 0.0); });
}

std::vector<double> row_of(const TensorView& logits, int64_t row) {
  const int64_t width = logits.shape.back();
  std::vector<double> values(static_cast<size_t>(width));
  for (int64_t i = 0; i < width; ++i) values[static_cast<size_t>(i)] = logits.at(row * width + i);
  return values;
}

}  // namespace

const NextToken* ForcedComparison::first_difference() const {
  const auto found = std::find_if(next.begin(), next.end(), [](const NextToken& each) { return each.differs(); });
  return found == next.end() ? nullptr : &*found;
}

int ForcedComparison::status() const {
  if (next.empty() || reference_broken > 0) return 3;
  return candidate_broken > 0 || first_difference() != nullptr ? 1 : 0;
}

Tensor ForcedPair::forward(const Step& step, TapSink& sink) {
  NullSink nothing;
  Tensor expected = reference_.forward(step, sink);
  const Tensor actual = candidate_.forward(step, nothing);
  if (expected.shape() != actual.shape())
    throw ShapeError("the logits of the two backends have different shapes",
                     {"reference  " + to_string(expected.shape()), "candidate  " + to_string(actual.shape())}, "");
  for (size_t row = 0; row < step.tokens.size(); ++row) {
    const auto p = row_of(expected.view(), static_cast<int64_t>(row));
    const auto q = row_of(actual.view(), static_cast<int64_t>(row));
    comparison_.reference_broken += broken(p) ? 1 : 0;
    comparison_.candidate_broken += broken(q) ? 1 : 0;
    comparison_.next.push_back(
        {step.first_position + static_cast<int64_t>(row), choice_of(p), choice_of(q), kl_divergence(p, q)});
    comparison_.fed.push_back(step.tokens[row]);
  }
  return expected;
}

}  // namespace plumbline::run
