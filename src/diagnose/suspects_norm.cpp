// SPDX-License-Identifier: Apache-2.0
// RMSNorm: y = w * x / sqrt(mean(x^2) + eps). A row of the output is a multiple of w * x, so the multiple of each row
// gives back the mean square that the candidate had: from it follow eps, lost lanes and other divisors.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "diagnose/norm_fits.h"
#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

using Row = NormRow;

/// Weighted by what a relative error of the multiple makes of it: rows of small mean square tell the most.
double implied_eps(const std::vector<Row>& rows) {
  double sum = 0.0, weights = 0.0;
  for (const Row& row : rows) {
    const double weight = 1.0 / (row.implied * row.implied);
    sum += weight * (row.implied - row.mean_square);
    weights += weight;
  }
  return weights > 0.0 ? sum / weights : 0.0;
}

void suspect_eps(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  const double declared = number(op, "eps");
  const auto with = [&, m](double supposed) {
    Op changed = *bench.chain()[m];
    changed.attributes["eps"] = supposed;
    return Mistake{std::string(code::kEpsilon),
                   fmt::format("eps {}, the config says {}", number_text(supposed), number_text(declared)),
                   m,
                   std::move(changed),
                   {},
                   {},
                   {}};
  };
  double eps = 0.0;
  if (m + 1 == bench.chain().size()) {
    const double start = implied_eps(norm_rows(bench));
    if (!(start > 0.0)) return;
    eps = fit_bits(bench, start / 30.0, start * 30.0, with);
  } else {
    eps = fit_positive(bench, 1e-12, 1e1, 27, with);
  }
  const std::vector<double> values = likely_eps(eps);
  for (const double value : values)
    if (value != declared) out.push_back(with(value));
}

Mistake with_weight(size_t m, std::string_view family, std::string text, std::function<double(double)> change) {
  const auto edit = [change](OpInputs& in, const StepFacts&) {
    for (double& w : in.parameters[0].values) w = change(w);
  };
  return {std::string(family), std::move(text), m, {}, edit, {}, {}};
}

void suspect_weight(size_t m, DType dtype, Suspects& out) {
  out.push_back(with_weight(m, code::kWeightUse, "the norm's weight was not applied (ones in its place)",
                            [](double) { return 1.0; }));
  out.push_back(with_weight(m, code::kWeightUse, "the norm's weight is taken as an offset from one (1 + w)",
                            [](double w) { return 1.0 + w; }));
  out.push_back(with_weight(
      m, code::kWeightUse,
      fmt::format("the norm's weight is taken as an offset from one (1 + w, rounded to {})", dtype_name(dtype)),
      [dtype](double w) { return round_to(dtype, 1.0 + w); }));
  out.push_back(with_weight(m, code::kWeightUse, "one was subtracted from the norm's weight (w - 1)",
                            [](double w) { return w - 1.0; }));
  out.push_back(
      with_weight(m, code::kWeightUse,
                  fmt::format("one was subtracted from the norm's weight (w - 1, rounded to {})", dtype_name(dtype)),
                  [dtype](double w) { return round_to(dtype, w - 1.0); }));
  out.push_back(
      with_weight(m, code::kWeightUse, "the norm's weight was applied twice", [](double w) { return w * w; }));
  out.push_back(
      with_weight(m, code::kWeightUse,
                  fmt::format("the norm's weight was applied twice (its square rounded to {})", dtype_name(dtype)),
                  [dtype](double w) { return round_to(dtype, w * w); }));
}

/// Other norms' weights: those of other layers, or of the layer's other norm.
void suspect_other_weight(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  const Shape& own = bench.steps().front().given[m].parameters[0].shape;
  for (const auto& [name, tensor] : bench.failed().context.candidate_model.parameters) {
    if (name == op.parameters[0] || tensor.shape() != own) continue;
    const auto edit = [other = &tensor](OpInputs& in, const StepFacts&) { in.parameters[0] = to_array(other->view()); };
    out.push_back({std::string(code::kOtherWeight),
                   fmt::format("the weight is {}, not {}", name, op.parameters[0]),
                   m,
                   {},
                   edit,
                   {},
                   {}});
  }
}

void suspect_clamp(const Bench& bench, size_t m, Suspects& out) {
  double largest = 0.0;
  for (const double w : bench.steps().front().given[m].parameters[0].values) largest = std::max(largest, std::fabs(w));
  if (!(largest > 0.0)) return;
  const auto clamped = [&, m](double limit) {
    Mistake mistake = with_weight(m, code::kClamped, "", [limit](double w) { return std::clamp(w, -limit, limit); });
    mistake.text =
        fmt::format("the weight is cut to +-{}, the largest is {}", number_text(limit), number_text(largest));
    return mistake;
  };
  const double limit = fit_positive(bench, largest * 1e-6, largest * 0.999, 41, clamped);
  out.push_back(clamped(round_to(bench.dtype(), limit)));
  out.push_back(clamped(limit));
}

using RowEdit = std::function<void(double* row, size_t width)>;
Mistake with_rows(size_t m, std::string_view family, std::string text, size_t width, RowEdit change) {
  const auto edit = [width, change](OpInputs& in, const StepFacts&) {
    std::vector<double>& x = in.inputs[0].values;
    for (size_t at = 0; at + width <= x.size(); at += width) change(x.data() + at, width);
  };
  return {std::string(family), std::move(text), m, {}, edit, {}, {}};
}

/// Channels whose squares are missing from the mean: the set `lost` of each kind that fits the rows' multiples best.
void suspect_lost_lanes(const Bench& bench, size_t m, Suspects& out) {
  const std::vector<Row> rows = norm_rows(bench);
  if (rows.empty()) return;
  const size_t width = rows.front().squares.size();
  const double eps = number(bench.op(), "eps");
  const auto misfit = [&](const auto& is_lost) {
    double sum = 0.0;
    for (const Row& row : rows) {
      double kept = 0.0;
      for (size_t c = 0; c < width; ++c) kept += is_lost(c) ? 0.0 : row.squares[c] / static_cast<double>(width);
      const double relative = (kept + eps) / row.implied - 1.0;
      sum += relative * relative;
    }
    return sum;
  };
  struct Best {
    size_t lanes = 0, vector = 0, lane = 0;
    double misfit = std::numeric_limits<double>::infinity();
  } best;
  for (const size_t lanes : {8u, 16u, 32u, 64u, 128u, 256u})
    for (const size_t vector : {1u, 2u, 4u, 8u})
      for (size_t lane = 0; lane < lanes && lanes * vector <= width; ++lane) {
        const double here = misfit([&](size_t c) { return c / vector % lanes == lane; });
        if (here < best.misfit) best = {lanes, vector, lane, here};
      }
  size_t tail = 0;
  double tail_misfit = std::numeric_limits<double>::infinity();
  for (size_t count = 1; count < width; ++count) {
    const double here = misfit([&](size_t c) { return c >= width - count; });
    if (here < tail_misfit) tail = count, tail_misfit = here;
  }
  const auto without = [&](std::string text, std::function<bool(size_t)> is_lost) {
    out.push_back(with_mean_square(bench, m, code::kPartLost, std::move(text), [is_lost](const double* x, size_t n) {
      double kept = 0.0;
      for (size_t c = 0; c < n; ++c) kept += is_lost(c) ? 0.0 : x[c] * x[c];
      return kept / static_cast<double>(n);
    }));
  };
  if (best.lanes > 0)
    without(fmt::format("the mean square lacks lane {} of {} ({} neighbouring channels a lane)", best.lane, best.lanes,
                        best.vector),
            [best](size_t c) { return c / best.vector % best.lanes == best.lane; });
  if (tail > 0)
    without(fmt::format("the mean square lacks the last {} of {} channels", tail, width),
            [tail, width](size_t c) { return c >= width - tail; });
}

void suspect_statistic(const Bench& bench, size_t m, Suspects& out) {
  const size_t width = bench.steps().empty() ? 0 : bench.steps()[0].given[m].parameters[0].values.size();
  if (width == 0) return;
  out.push_back(
      with_rows(m, code::kStatistic, "the mean is subtracted first, as LayerNorm does", width, [](double* x, size_t n) {
        double mean = 0.0;
        for (size_t c = 0; c < n; ++c) mean += x[c] / static_cast<double>(n);
        for (size_t c = 0; c < n; ++c) x[c] -= mean;
      }));
  out.push_back(
      with_mean_square(bench, m, code::kStatistic, "the sum of squares is not divided by the number of channels",
                       [](const double* x, size_t n) { return mean_square_of(x, n) * static_cast<double>(n); }));
  out.push_back(with_mean_square(bench, m, code::kStatistic,
                                 "the sum of squares is divided by one channel less (n - 1)",
                                 [](const double* x, size_t n) {
                                   return mean_square_of(x, n) * static_cast<double>(n) / static_cast<double>(n - 1);
                                 }));
  const double eps = number(*bench.chain()[m], "eps");
  out.push_back(with_mean_square(bench, m, code::kStatistic, "the input is not normalised, only weighted",
                                 [eps](const double*, size_t) { return 1.0 - eps; }));
  const auto passed_on = [](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    if (results[0].exact.values.size() == in.inputs[0].values.size()) results[0].exact.values = in.inputs[0].values;
  };
  out.push_back(
      {std::string(code::kLeftOut), "the norm is left out: its input is passed on", m, {}, {}, passed_on, {}});
  out.push_back(with_mean_square(bench, m, code::kStatistic, "the mean square is taken over all heads, not over each",
                                 mean_square_of, true));
}

}  // namespace

void suspect_norm(const Bench& bench, size_t m, Suspects& out) {
  suspect_eps(bench, m, out);
  suspect_weight(m, bench.dtype(), out);
  suspect_other_weight(bench, m, out);
  suspect_clamp(bench, m, out);
  suspect_statistic(bench, m, out);
  suspect_norm_forms(bench, m, out);
  if (m + 1 == bench.chain().size()) suspect_lost_lanes(bench, m, out);
}

}  // namespace plumbline
