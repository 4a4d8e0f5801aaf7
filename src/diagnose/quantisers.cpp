// SPDX-License-Identifier: Apache-2.0
// Ways in which weights [out,in] are quantised: symmetric integers with a scale of the largest magnitude per tensor,
// row or group along the inner dimension; 8-bit floats with and without such a scale. Scales are kept exact.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnose/linear_fits.h"

namespace plumbline {
namespace {

/// Applies `quantise(values, count)` to each run of `group` values (0: a row; -1: the tensor).
template <class Quantise>
void by_groups(Array& weight, int64_t group, const Quantise& quantise) {
  const auto all = static_cast<int64_t>(weight.values.size());
  const int64_t row = weight.shape.back();
  const int64_t width = group < 0 ? all : group == 0 ? row : std::min(group, row);
  for (int64_t from = 0; from < all; from += row)
    for (int64_t at = from; at < (group < 0 ? all : from + row); at += width) {
      quantise(weight.values.data() + at, std::min(width, group < 0 ? all : from + row - at));
      if (group < 0) return;
    }
}

double largest_of(const double* values, int64_t count) {
  double largest = 0.0;
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values[i]));
  return largest;
}

Quantiser integers(int bits, int64_t group, const std::string& scope) {
  const double most = std::ldexp(1.0, bits - 1) - 1.0;
  const auto quantise = [most](double* values, int64_t count) {
    const double scale = largest_of(values, count) / most;
    if (scale == 0.0) return;
    for (int64_t i = 0; i < count; ++i) values[i] = std::nearbyint(values[i] / scale) * scale;
  };
  return {fmt::format("int{}, one scale per {}", bits, scope),
          [group, quantise](Array& weight) { by_groups(weight, group, quantise); }};
}

Quantiser small_floats(DType format, int64_t group, const std::string& scope) {
  const bool scaled = group > -2;
  const auto quantise = [format, scaled](double* values, int64_t count) {
    const double largest = largest_of(values, count);
    const double scale = scaled && largest > 0.0 ? largest / max_finite(format) : 1.0;
    for (int64_t i = 0; i < count; ++i) {
      const double bounded = std::clamp(values[i] / scale, -max_finite(format), max_finite(format));
      values[i] = round_to(format, bounded) * scale;
    }
  };
  return {fmt::format("{}, {}", dtype_name(format), scaled ? "one scale per " + scope : scope),
          [group, quantise](Array& weight) { by_groups(weight, std::max<int64_t>(group, -1), quantise); }};
}

/// The fraction cut to so many bits, toward zero.
Quantiser short_fractions(int bits) {
  return {fmt::format("of each fraction {} bit(s) are kept, the others cut off", bits), [bits](Array& weight) {
            for (double& value : weight.values) {
              if (value == 0.0 || !std::isfinite(value)) continue;
              const double step = std::ldexp(1.0, std::ilogb(value) - bits);
              value = std::trunc(value / step) * step;
            }
          }};
}

std::vector<Quantiser> make_quantisers() {
  std::vector<Quantiser> all;
  for (int bits = 2; bits <= 10; ++bits) {
    all.push_back(integers(bits, 0, "row"));
    all.push_back(integers(bits, -1, "tensor"));
  }
  for (const DType format : {DType::f8_e4m3fn, DType::f8_e5m2}) {
    all.push_back(small_floats(format, -2, "without a scale"));
    all.push_back(small_floats(format, -1, "tensor"));
    all.push_back(small_floats(format, 0, "row"));
  }
  for (int bits = 1; bits <= 6; ++bits) all.push_back(short_fractions(bits));
  return all;
}

}  // namespace

const std::vector<Quantiser>& quantisers() {
  static const std::vector<Quantiser> all = make_quantisers();
  return all;
}

Quantiser group_quantiser(int bits, int64_t group) { return integers(bits, group, fmt::format("{} of a row", group)); }

}  // namespace plumbline
