// SPDX-License-Identifier: Apache-2.0
// A number with what an implementation may be off by, and the grids it is rounded to. Invariant: a right
// implementation's value lies in [value - error, value + error]; rounding is monotone, so its rounded value lies
// between the roundings of those two ends.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <plumbline/contract.h>
#include <plumbline/dtype.h>

namespace plumbline {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kMaxF32 = static_cast<double>(std::numeric_limits<float>::max());

/// What a right implementation may give besides a number of the interval, because it depends on the order of its sums
/// whether f32 overflows. Bits of Uncertain::escapes.
inline constexpr uint8_t kOverflows = 1;  ///< NaN or an infinity
inline constexpr uint8_t kVanishes = 2;   ///< zero: a factor's denominator overflowed

/// The magnitude from which a value counts as a mask, not a number: a quarter of the format's largest (f16's is no
/// larger than its largest number).
inline double mask_magnitude(DType dtype) { return max_finite(dtype) / 4.0; }

/// Expected sizes of errors are typical values, not limits: real data may show ten times as much.
inline constexpr double kMargin = 10.0;

struct Uncertain {
  double value = 0.0;
  double error = 0.0;   ///< infinite: nothing is known
  double sigma = 0.0;   ///< expected size
  uint8_t escapes = 0;  ///< right results outside of the interval
  double turned = 0.0;  ///< of the error, what roundings on the way make of plausible errors: they turn seldom, but
                        ///< then by a whole place, so that `sigma` says how seldom and not how far

  /// As large as an error is where everything is at ten times its expected size.
  double plausible() const { return std::min(error, std::max(turned, kMargin * sigma)); }
};

/// One floating format: rounds and measures without the generality of round_to (ten times as fast for bf16, f16, f32).
class Rounder {
 public:
  explicit Rounder(DType dtype)
      : dtype_(dtype),
        fraction_bits_(dtype == DType::f32   ? 23
                       : dtype == DType::f16 ? 10
                                             : 7),
        min_exponent_(dtype == DType::f16 ? -14 : -126),
        max_exponent_(dtype == DType::f16 ? 15 : 127),
        fast_(dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16) {}

  DType dtype() const { return dtype_; }

  double round(double value) const {
    if (dtype_ == DType::f32) return static_cast<double>(static_cast<float>(value));
    const auto bits = std::bit_cast<uint64_t>(value);
    const int exponent = exponent_of(bits);
    if (!fast_ || exponent < min_exponent_ || exponent >= max_exponent_) return round_to(dtype_, value);
    const int dropped = 52 - fraction_bits_;
    const uint64_t up = (uint64_t{1} << (dropped - 1)) - 1 + ((bits >> dropped) & 1);  // ties to even
    return std::bit_cast<double>(((bits + up) >> dropped) << dropped);
  }

  double spacing(double value) const {
    const int exponent = exponent_of(std::bit_cast<uint64_t>(value));
    if (!fast_ || exponent > max_exponent_) return ulp(dtype_, value);
    const int scale = std::max(exponent, min_exponent_) - fraction_bits_;
    return std::bit_cast<double>(static_cast<uint64_t>(scale + 1023) << 52);
  }

 private:
  static int exponent_of(uint64_t bits) { return static_cast<int>((bits >> 52) & 0x7FF) - 1023; }
  DType dtype_;
  int fraction_bits_, min_exponent_, max_exponent_;  // of normal numbers
  bool fast_;
};

/// Probability that an error of expected size `sigma` and at most `error` carries a value over a rounding tie at
/// `distance` (0 if it cannot reach it). Averaged over all distances this is the mismatch law sigma / ulp; the second
/// term keeps that average even where the shape of the error is no bell.
inline double flip_probability(double distance, double sigma, double error) {
  if (!(distance <= error) || sigma <= 0.0) return 0.0;
  const double bell = 0.5 * std::erfc(distance / (sigma * 1.4142135623730951));
  return std::min(1.0, std::max(bell, 0.5 * sigma / error));
}

/// Largest |rounded(v') - rounded(v)| for any v' within `error` of v; infinite if an overflow may go either way.
inline double rounding_spread(const Rounder& grid, const Uncertain& v, double rounded, double error) {
  if (error == 0.0 || !std::isfinite(v.value)) return std::isinf(error) ? kInfinity : 0.0;
  const double low = grid.round(v.value - error), high = grid.round(v.value + error);
  if (low == rounded && high == rounded) return 0.0;
  const double spread = std::max(high - rounded, rounded - low);
  return std::isnan(spread) ? kInfinity : spread;
}

/// An intermediate result that the contract rounds but nobody recorded: its neighbour is possible only where the value
/// is within its error of a tie.
inline Uncertain round_stage(const Rounder& grid, const Uncertain& v) {
  Uncertain out{grid.round(v.value), 0.0, 0.0, v.escapes};
  out.error = rounding_spread(grid, v, out.value, v.error);
  if (out.error == 0.0 || std::isinf(out.error)) return out;
  const double spacing = grid.spacing(out.value);
  const double distance = 0.5 * spacing - std::fabs(v.value - out.value);
  const double flips = spacing * flip_probability(distance, v.sigma, v.error);
  out.sigma = std::min(out.error, v.sigma > spacing ? v.sigma : flips);
  out.turned = rounding_spread(grid, v, out.value, v.plausible());
  return out;
}

/// A value held in f32 whose rounding order is free: exact, but the range of f32 holds.
inline Uncertain in_f32_range(Uncertain v) {
  const double magnitude = std::fabs(v.value);
  if (!(magnitude + v.error > kMaxF32) || std::isinf(v.value)) return v;
  const double overflows_above = kMaxF32 * (1.0 + kUnitF32 / 2.0);
  if (magnitude - v.error >= overflows_above) return {std::copysign(kInfinity, v.value), 0.0, 0.0};
  v.escapes |= kOverflows;
  return v;
}

inline double as_f32(double value) { return static_cast<double>(static_cast<float>(value)); }

}  // namespace plumbline
