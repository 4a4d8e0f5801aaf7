// SPDX-License-Identifier: Apache-2.0
// softmax over the last axis. Contract attention/eager: in f32 subtract the row's maximum, exp, sum in any order,
// divide; round to T. Contract attention/sdpa: exp(x - maximum so far) is rounded to T where it meets V, its sum is
// not; the maximum is that up to the end of the element's block of keys, and what was made under a smaller one is
// multiplied by exp(smaller - larger). Nothing is rounded to T after that. A row that holds NaN, or infinity as its
// maximum, is NaN throughout.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "oracle/output.h"
#include "oracle/running_sum.h"

namespace plumbline {
namespace {

constexpr double kUlp = 2.0 * kUnitF32;  // one unit in the last place, at most this share of the value

constexpr size_t kKeyBlock = 512;  // keys that attention/sdpa takes at once
constexpr size_t kLanes = 16;      // of AVX-512; keys left over in a block take exp itself

/// LibTorch's fexp_u20 for x <= 0: exp to 1.1e-4 by a cubic in the fraction of the binary exponent (Malossi et al.
/// 2015), in f32. The last step leaves 17 bits. A compiler may contract either difference with the product by log2(e).
double cubic_exp(double x, bool contracts_fraction, bool contracts_rest) {
  constexpr float kLog2E = 1.44269504088896341f;
  const float from = static_cast<float>(std::max(x, -87.0)), z = from * kLog2E, whole = std::floor(z);
  const float fraction = contracts_fraction ? std::fmaf(from, kLog2E, -whole) : z - whole;
  float away = std::fmaf(fraction, -0.079204240219773236f, -0.22433836478672356f);
  away = std::fmaf(fraction, away, 0.30354260500649682f);
  away = std::fmaf(fraction, away, 0.00010703434948458272f);
  const float rest = contracts_rest ? std::fmaf(from, kLog2E, -away) : z - away;
  const float bits = std::fmaf(8388608.0f, rest, 8388608.0f * 127.0f);
  return x < -87.0 ? 0.0 : static_cast<double>(std::bit_cast<float>(static_cast<int32_t>(bits)));
}

/// The cubic of a number that every implementation has alike: they differ by what they contract alone.
Uncertain cubic_of_known(double x) {
  Uncertain power{cubic_exp(x, false, false), 0.0, 0.0, 0};
  for (const auto& [fraction, rest] : {std::pair(false, true), std::pair(true, false), std::pair(true, true)})
    power.error = std::max(power.error, std::fabs(cubic_exp(x, fraction, rest) - power.value));
  power.sigma = 0.5 * power.error;
  return power;
}

/// The largest of a row up to the end of a block of keys, and what it inherits.
struct Largest {
  double value = -kInfinity, error = 0.0;
};

/// Sums over one row that its elements' errors need.
struct Row {
  double maximum = -kInfinity;
  double sum = 0.0;           ///< of exp(x - maximum)
  double shift_error = 0.0;   ///< sum of p * (rounding of the exponent)
  double inherited_up = 0.0;  ///< log of sum p exp(dx)
  double inherited_sigma = 0.0;
  int64_t terms = 0;                        ///< that do not vanish in f32
  double sum_error = 0.0, sum_sigma = 0.0;  ///< relative, of the f32 sum
  double power_error = 0.0;                 ///< relative, of what is summed
  size_t first = 0;
  size_t width = 0;
  std::vector<Largest> blocks;  ///< under attention/sdpa
};

class Softmax {
 public:
  explicit Softmax(const OracleCall& call)
      : call_(call),
        inherits_(call.has_bounds(0)),
        rounds_powers_(call.contract.has_stage("e")),
        cubic_(call.model_dtype != DType::f32 && call.contract.has_stage("cubic")) {}

  Row row(size_t first, size_t width) const;
  double rescaling(const Row& row, size_t first, size_t width) const;
  Uncertain element(size_t at, const Row& row) const;

 private:
  void add_cubics(Row& row, const double* x) const;
  double drift(const Row& row, const double* x) const;
  std::vector<Largest> blocks(size_t first, size_t width) const;
  bool is_cubic(size_t index, size_t width) const;
  double power_ulps() const { return cubic_ ? 80.0 : function_ulps(Function::exp); }
  Uncertain power(const Uncertain& x, const Largest& here, bool cubic) const;
  Uncertain rounded_power(size_t at, const Row& row) const;

  const OracleCall& call_;
  bool inherits_, rounds_powers_, cubic_;
};

/// One pass over the keys: what was added before a larger score came is multiplied by exp(old - new maximum), at most
/// once for each score behind its own that is larger than all before, whatever the blocks. The roundings of those
/// differences add up to no more than shift_error has.
double Softmax::rescaling(const Row& row, size_t first, size_t width) const {
  const double* x = call_.input(0).values.data() + first;
  const double one = function_ulps(Function::exp) * kUlp + kUnitF32;
  double roundings = 0.0, seen = 0.0, largest = -kInfinity;  // seen: share of the sum that was added so far
  for (size_t i = 0; i < width; ++i) {
    if (x[i] > largest) {
      largest = x[i];
      roundings += seen;
    }
    seen += std::exp(x[i] - row.maximum) / row.sum;
  }
  if (inherits_) roundings = static_cast<double>(width);  // any score may be the larger one
  return one * roundings * (1.0 + one * static_cast<double>(width));
}

Row Softmax::row(size_t first, size_t width) const {
  const double* x = call_.input(0).values.data() + first;
  Row row;
  for (size_t i = 0; i < width; ++i)
    row.maximum = std::isnan(x[i]) || x[i] > row.maximum ? x[i] : row.maximum;  // NaN stays
  if (!std::isfinite(row.maximum)) {
    row.sum = std::numeric_limits<double>::quiet_NaN();
    return row;
  }
  double moved = 0.0, sigma_square = 0.0;
  for (size_t i = 0; i < width; ++i) {
    const double power = std::exp(x[i] - row.maximum);
    row.terms += power > kTinyF32 / 2.0 ? 1 : 0;
    row.sum += power;
    row.shift_error += power == 0.0 ? 0.0 : power * (row.maximum - x[i]) * kUnitF32;
    if (inherits_) {
      const Uncertain in = call_.element(0, first + i);
      moved += std::exp(in.value - row.maximum + in.error);
      sigma_square += power == 0.0 ? 0.0 : power * power * in.sigma * in.sigma;
    }
  }
  row.shift_error /= row.sum;
  row.first = first;
  row.width = width;
  if (rounds_powers_) row.blocks = blocks(first, width);
  row.power_error = power_ulps() * kUlp;
  if (cubic_) add_cubics(row, x);
  row.sum_error = accumulation_bound(Accumulator::scalar_any, row.terms);
  if (call_.declares(SumOrder::online)) row.sum_error += rescaling(row, first, width);
  if (call_.needs_errors())
    row.sum_sigma = expected_with_drift(0.58 * accumulation_walk(Accumulator::scalar_any, row.terms), drift(row, x));
  if (cubic_ && !inherits_) row.sum_sigma = std::hypot(row.sum_sigma, row.power_error);  // equal scores err alike
  if (inherits_) {
    row.inherited_up = std::log(moved / row.sum);
    row.inherited_sigma = std::sqrt(sigma_square) / row.sum;
  }
  return row;
}

/// By how much of the sum the plain chain in f32 is off: equal scores round every partial sum alike.
double Softmax::drift(const Row& row, const double* x) const {
  std::vector<double> powers(row.width);
  double sum = 0.0;
  for (size_t i = 0; i < row.width; ++i) {
    const double far = x[i] - row.maximum;
    sum += powers[i] = as_f32(is_cubic(i, row.width) ? cubic_exp(far, false, false) : std::exp(far));
  }
  return (static_cast<double>(chain_in_f32(powers)) - sum) / row.sum;
}

/// The sum of what is added under attention/sdpa-avx512, and how far it may be off if the scores are known.
void Softmax::add_cubics(Row& row, const double* x) const {
  double error = 0.0;
  row.sum = 0.0;
  for (size_t i = 0; i < row.width; ++i) {
    const Largest& here = row.blocks[i / kKeyBlock];
    const double scale = std::exp(here.value - row.maximum);
    const Uncertain one = power({x[i]}, {here.value}, is_cubic(i, row.width));
    row.sum += one.value * scale;
    error += one.error * scale;
  }
  if (!inherits_) row.power_error = error / row.sum;
}

std::vector<Largest> Softmax::blocks(size_t first, size_t width) const {
  std::vector<Largest> all;
  Largest largest;
  for (size_t begin = 0; begin < width; begin += kKeyBlock) {
    const size_t end = std::min(width, begin + kKeyBlock);
    for (size_t i = begin; i < end; ++i) largest.value = std::max(largest.value, call_.input(0).values[first + i]);
    for (size_t i = inherits_ ? 0 : end; i < end; ++i) {  // only what can reach the maximum can move it
      const Uncertain in = call_.element(0, first + i);
      if (in.value + in.error > largest.value - largest.error) largest.error = std::max(largest.error, in.error);
    }
    all.push_back(largest);
  }
  return all;
}

/// Whether this key of a row is taken sixteen at a time with others of its block.
bool Softmax::is_cubic(size_t index, size_t width) const {
  const size_t begin = index - index % kKeyBlock, count = std::min(width - begin, kKeyBlock);
  return cubic_ && index - begin < count - count % kLanes;
}

/// exp(x - maximum so far), at most 1; of `cubic` a score's last bit may decide 64 units of the last place, and so may
/// whether the compiler contracted a product with a difference.
Uncertain Softmax::power(const Uncertain& x, const Largest& here, bool cubic) const {
  const double distance = here.value - x.value;
  if (cubic && x.error + here.error == 0.0) return cubic_of_known(-as_f32(distance));
  const double exp_error = (cubic ? power_ulps() : function_ulps(Function::exp)) * kUlp;
  Uncertain power{cubic ? cubic_exp(-as_f32(distance), false, false) : std::exp(-distance), 0.0, 0.0, 0};
  const double moved = distance * kUnitF32 + x.error + here.error;
  // The slope of the cubic is that of exp within 1 %.
  const double most = (cubic ? power.value : std::exp(-distance)) * std::exp(1.01 * moved) * (1.0 + exp_error);
  const double farthest = std::max(power.value, 1.0 - power.value);
  power.error = std::isnan(most) ? farthest : std::min(most - power.value + kTinyF32, farthest);
  if (power.value == 0.0) return power;
  power.sigma = power.value * std::hypot(0.3 * distance * kUnitF32, 0.2 * exp_error, x.sigma);
  power.sigma = std::min(power.sigma, power.error);
  return power;
}

/// R(exp(x - maximum so far)) * exp(maximum so far - maximum) / sum.
Uncertain Softmax::rounded_power(size_t at, const Row& row) const {
  const Largest &here = row.blocks[(at - row.first) / kKeyBlock], &last = row.blocks.back();
  const double exp_error = function_ulps(Function::exp) * kUlp, shrink = std::exp(here.value - last.value);
  if (shrink == 0.0) return {0.0, kTinyF32, 0.0, 0};
  const Uncertain held =
      round_stage(Rounder(call_.model_dtype),
                  call_.taken(power(call_.element(0, at), here, is_cubic(at - row.first, row.width)), "e", at));
  // What it is multiplied with and divided by; each block may shrink what came before it.
  const double steps = static_cast<double>(row.blocks.size() - 1);
  const double inherited = (steps > 0.0 ? here.error + last.error : 0.0) + row.inherited_up + last.error;
  const double factors = row.shift_error + row.power_error + row.sum_error + kUnitF32 +
                         steps * (exp_error + 2.0 * kUnitF32) + (last.value - here.value) * kUnitF32 +
                         std::expm1(inherited);
  const double value = held.value * shrink / row.sum, spread = held.error * shrink / row.sum;
  Uncertain p{value, std::max(value, 1.0 - value) + kUnitF32, 0.0, held.escapes};
  if (factors < 0.5) p.error = std::min(p.error, spread + (value + spread) * factors / (1.0 - factors) + kTinyF32);
  p.sigma = std::hypot(held.sigma * shrink / row.sum, value * std::hypot(row.sum_sigma, row.inherited_sigma));
  p.sigma = std::min(p.sigma, p.error);
  p.turned = held.turned * shrink / row.sum;
  return p;
}

Uncertain Softmax::element(size_t at, const Row& row) const {
  const double distance = row.maximum - call_.input(0).values[at];
  const double value = std::exp(-distance) / row.sum;
  if (!std::isfinite(value)) return {value, 0.0, 0.0};
  if (value == 0.0 && !inherits_) return {};
  if (rounds_powers_) return rounded_power(at, row);
  const double function = function_ulps(Function::exp) * kUlp;
  // Shifted exponents and exp itself, of this element and (weighted by p) of the sum; the sum; the quotient.
  const double relative = value == 0.0
                              ? 0.0
                              : (distance * kUnitF32 + row.shift_error + 2.0 * function + row.sum_error + kUnitF32) *
                                    (1.0 + 4.0 * function + row.sum_error);
  const double typical = value == 0.0 ? 0.0
                                      : std::hypot(std::hypot(0.3 * distance, 0.4) * kUnitF32,
                                                   function_typical_ulps(Function::exp) * kUlp, row.sum_sigma);
  Uncertain v{value, value * relative + 2.0 * kTinyF32 / std::min(row.sum, 1.0), value * typical};
  if (!inherits_) return v;
  const Uncertain in = call_.element(0, at);
  // p' / p lies within exp(+-(dx + log sum p exp(dx))); and 0 <= p' <= 1.
  const double moved = std::exp(in.error - distance + row.inherited_up) / row.sum - value;
  v.error = std::min(v.error + (std::isnan(moved) ? 1.0 : moved), std::max(value, 1.0 - value) + kUnitF32);
  v.sigma = std::min(std::hypot(v.sigma, value * std::hypot(in.sigma, row.inherited_sigma)), v.error);
  return v;
}

}  // namespace

std::vector<Evaluated> evaluate_softmax(const OracleCall& call) {
  const Shape shape = call.input(0).shape;
  if (shape.empty()) call.misfit("the scores need an axis", shape);
  const auto width = static_cast<size_t>(shape.back());
  TapWriter out = result_writer(call, 0, shape), probs32 = inner_writer(call, ".probs32", "probs32", shape);
  out.share(width);
  probs32.share(width);
  const Softmax softmax(call);
  for (size_t first = 0; width > 0 && first < call.input(0).values.size(); first += width) {
    const Row row = softmax.row(first, width);
    for (size_t i = first; i < first + width; ++i) {
      const Uncertain p = call.taken(softmax.element(i, row), "probs32", i);
      out.put(i, p);
      probs32.put(i, p);
    }
  }
  std::vector<Evaluated> all;
  all.push_back(out.take(false));
  if (probs32.wanted()) all.push_back(probs32.take(false));
  return all;
}

}  // namespace plumbline
