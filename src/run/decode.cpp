// SPDX-License-Identifier: Apache-2.0
// The loop around Backend::forward.
#include "run/decode.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <plumbline/error.h>
#include <plumbline/model.h>

namespace plumbline::run {
namespace {

bool has_nan(const TensorView& logits) {
  const std::vector<double> row = last_row(logits);
  return std::any_of(row.begin(), row.end(), [](double x) { return std::isnan(x); });
}

}  // namespace

std::vector<double> last_row(const TensorView& logits) {
  const int64_t width = logits.shape.back(), first = logits.count() - width;
  std::vector<double> row(static_cast<size_t>(width));
  for (int64_t i = 0; i < width; ++i) row[static_cast<size_t>(i)] = logits.at(first + i);
  return row;
}

int64_t greedy_choice(const TensorView& logits) {
  const int64_t row = logits.shape.back(), first = logits.count() - row;
  int64_t best = 0;
  double highest = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < row; ++i)
    if (const double value = logits.at(first + i); value > highest) {
      highest = value;
      best = i;
    }
  return best;
}

Decoded decode(Backend& backend, const DecodePlan& plan, TapSink& sink) {
  Decoded run;
  Tensor logits;
  int64_t position = 0;
  const auto feed = [&](std::vector<int64_t> tokens) {
    const auto index = static_cast<int64_t>(run.steps.size());
    run.steps.push_back({index, position, std::move(tokens)});
    logits = backend.forward(run.steps.back(), sink);
    position += static_cast<int64_t>(run.steps.back().tokens.size());
    run.digests.push_back(digest(logits.view()));
    if (run.first_nan_step < 0 && has_nan(logits.view())) run.first_nan_step = index;
  };
  for (const std::vector<int64_t>& tokens : plan.given) feed(tokens);
  while (static_cast<int64_t>(run.generated.size()) < plan.new_tokens && !run.stopped) {
    if (!run.generated.empty()) feed({run.generated.back()});
    run.generated.push_back(plan.choose(logits.view(), static_cast<int64_t>(run.generated.size())));
    plan.chosen(run.generated.back());
    run.stopped = std::find(plan.stop.begin(), plan.stop.end(), run.generated.back()) != plan.stop.end();
  }
  return run;
}

void verify_without_taps(Backend& fresh, const Decoded& run) {
  NullSink nothing;
  for (size_t i = 0; i < run.steps.size(); ++i) {
    const std::string without = digest(fresh.forward(run.steps[i], nothing).view());
    if (without != run.digests[i])
      throw BackendError("plumbline run: taps change the logits of step " + std::to_string(i),
                         {"with taps     " + run.digests[i], "without taps  " + without},
                         "a tap may only read: this is a defect of the backend");
  }
}

}  // namespace plumbline::run
