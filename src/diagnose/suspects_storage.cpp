// SPDX-License-Identifier: Apache-2.0
// How a right result may be stored wrongly: cut instead of rounded, through another format, saturated, flushed, not
// written.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "diagnose/order_text.h"
#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

using Rounding = std::function<double(double, DType)>;

Mistake with_rounding(size_t m, std::string text, Rounding rounding) {
  return {std::string(code::kStorage), std::move(text), m, {}, {}, {}, std::move(rounding)};
}

double cut(double value, DType dtype) {
  const double rounded = round_to(dtype, value);
  if (!std::isfinite(rounded) || std::fabs(rounded) <= std::fabs(value)) return rounded;
  return std::copysign(std::fabs(rounded) - ulp(dtype, value), value);
}

double away(double value, DType dtype) {
  const double low = cut(value, dtype);
  return std::fabs(value - low) * 2.0 >= ulp(dtype, value) ? std::copysign(std::fabs(low) + ulp(dtype, value), value)
                                                           : low;
}

/// The largest magnitude, if at least three elements share it and the replay goes beyond.
double saturation(const Bench& bench) {
  double largest = 0.0;
  int64_t at_limit = 0, beyond = 0;
  for (const BenchStep& step : bench.steps())
    for (const double value : step.stored[0])
      if (std::fabs(value) < 1e30) largest = std::max(largest, std::fabs(value));
  for (const BenchStep& step : bench.steps())
    for (size_t i = 0; i < step.stored[0].size(); ++i) {
      at_limit += std::fabs(step.stored[0][i]) == largest ? 1 : 0;
      beyond += std::fabs(step.results[0].exact.values[i]) > largest * 1.01 ? 1 : 0;
    }
  return at_limit >= 3 && beyond >= 3 ? largest : 0.0;
}

/// A limit between the elements that became `lost` and all others, by the size of what they should hold; 0 if no limit
/// tells them apart. `above`: the larger ones were lost.
double limit_of(const Bench& bench, bool above, const std::function<bool(double)>& lost) {
  double least_lost = std::numeric_limits<double>::infinity(), most_lost = 0.0;
  double least_kept = std::numeric_limits<double>::infinity(), most_kept = 0.0;
  int64_t count = 0;
  for (const BenchStep& step : bench.steps())
    for (size_t i = 0; i < step.stored[0].size(); ++i) {
      const double size = std::fabs(step.results[0].rounded[i]);
      if (!(size > 0.0) || !std::isfinite(size)) continue;
      const bool gone = lost(step.stored[0][i]);
      double &least = gone ? least_lost : least_kept, &most = gone ? most_lost : most_kept;
      least = std::min(least, size);
      most = std::max(most, size);
      count += gone ? 1 : 0;
    }
  const double below = above ? most_kept : most_lost, beyond = above ? least_lost : least_kept;
  return count >= 3 && below < beyond && std::isfinite(beyond) ? (below + beyond) / 2.0 : 0.0;
}

double flush_limit(const Bench& bench) {
  return limit_of(bench, false, [](double stored) { return stored == 0.0; });
}

void suspect_limits(const Bench& bench, size_t m, Suspects& out) {
  if (const double limit = flush_limit(bench); limit > 0.0)
    out.push_back(with_rounding(m, fmt::format("magnitudes below {} become zero", number_text(limit)),
                                [limit](double value, DType dtype) {
                                  const double rounded = round_to(dtype, value);
                                  return std::fabs(rounded) < limit ? std::copysign(0.0, value) : rounded;
                                }));
  const double most = limit_of(bench, true, [](double stored) { return std::isinf(stored); });
  if (most > 0.0)
    out.push_back(with_rounding(m, fmt::format("magnitudes above {} become infinite", number_text(most)),
                                [most](double value, DType dtype) {
                                  const double rounded = round_to(dtype, value);
                                  return std::fabs(rounded) > most ? std::copysign(HUGE_VAL, value) : rounded;
                                }));
}

/// Elements that hold zero though the replay says otherwise, or NaN.
void suspect_unwritten(const Bench& bench, size_t m, Suspects& out) {
  std::vector<std::vector<uint8_t>> zero;
  int64_t count = 0, all = 0;
  std::map<size_t, std::vector<int64_t>> rows;
  for (const BenchStep& step : bench.steps()) {
    zero.emplace_back(step.stored[0].size(), uint8_t{0});
    for (size_t i = 0; i < step.stored[0].size(); ++i, ++all)
      if (step.stored[0][i] == 0.0 && step.results[0].rounded[i] != 0.0) zero.back()[i] = 1, ++count;
  }
  if (count < 3 || flush_limit(bench) > 0.0) return;
  const auto edit = [zero](std::vector<Evaluated>& results, const OpInputs&, const StepFacts& step) {
    const auto& mask = zero.at(step.number);
    for (size_t i = 0; i < mask.size(); ++i)
      if (mask[i] != 0) results[0].exact.values[i] = 0.0;
  };
  const Shape& shape = bench.steps().front().results[0].exact.shape;
  const std::vector<std::string>& axes = bench.steps().front().results[0].spec->axes;
  std::vector<int64_t> channels;
  const auto width = static_cast<size_t>(shape.empty() ? 1 : shape.back());
  std::vector<uint8_t> any(width, 0);
  for (const auto& mask : zero)
    for (size_t i = 0; i < mask.size(); ++i) any[i % width] |= mask[i];
  for (size_t c = 0; c < width; ++c)
    if (any[c] != 0) channels.push_back(static_cast<int64_t>(c));
  const std::string where =
      channels.size() < width
          ? fmt::format(", all at {} {}", axes.empty() ? "index" : axes.back(), ranges_text(channels))
          : "";
  out.push_back({std::string(code::kUnwritten),
                 fmt::format("{} of {} elements were never computed: they hold zero{}", count, all, where),
                 m,
                 {},
                 {},
                 edit,
                 {}});
}

}  // namespace

void suspect_missing(const Bench& bench, size_t m, Suspects& out) {
  if (m + 1 == bench.chain().size() && bench.op().kind != OpKind::causal_mask) suspect_unwritten(bench, m, out);
}

void suspect_storage(const Bench& bench, size_t m, Suspects& out) {
  if (m + 1 != bench.chain().size()) return;
  out.push_back(with_rounding(m, "the result is cut to its format (toward zero) instead of rounded", cut));
  out.push_back(with_rounding(m, "ties are rounded away from zero instead of to even", away));
  for (const DType through : {DType::f16, DType::bf16, DType::f8_e4m3fn, DType::f8_e5m2})
    out.push_back(
        with_rounding(m, fmt::format("the result went through {}", dtype_name(through)),
                      [through](double value, DType dtype) { return round_to(dtype, round_to(through, value)); }));
  out.push_back(
      with_rounding(m, "subnormal f16 magnitudes (below 2^-14) are flushed to zero", [](double value, DType dtype) {
        return std::fabs(value) < 0x1p-14 ? std::copysign(0.0, value) : round_to(dtype, value);
      }));
  out.push_back(
      with_rounding(m, "subnormal magnitudes (below 2^-126) are flushed to zero", [](double value, DType dtype) {
        return std::fabs(value) < 0x1p-126 ? std::copysign(0.0, value) : round_to(dtype, value);
      }));
  for (const DType through : {DType::f8_e4m3fn, DType::f8_e5m2})
    out.push_back(with_rounding(m, fmt::format("the rounded result went through {}", dtype_name(through)),
                                [through](double value, DType dtype) {
                                  const double most = max_finite(through);
                                  return round_to(dtype,
                                                  round_to(through, std::clamp(round_to(dtype, value), -most, most)));
                                }));
  suspect_limits(bench, m, out);
  if (const double limit = saturation(bench); limit > 0.0)
    out.push_back(with_rounding(
        m, fmt::format("results saturate at {}", number_text(limit)),
        [limit](double value, DType dtype) { return std::clamp(round_to(dtype, value), -limit, limit); }));
}

}  // namespace plumbline
