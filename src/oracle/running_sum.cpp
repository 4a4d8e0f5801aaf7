// SPDX-License-Identifier: Apache-2.0
#include "oracle/running_sum.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "oracle/uncertain.h"

namespace plumbline {
namespace {

/// f64 sums have roundings too: each is 2^-28 of the one of f32 at the same place.
constexpr double kOwnRoundings = 1.0 + 0x1p-20;

constexpr size_t kLanes = 32, kStep = 16;
constexpr int kKeptBits = 25;          // below the largest exponent of a step
constexpr int kLowestExponent = -126;  // operands below are not normalised

RunningSum finished(RunningSum sum) {
  sum.error = sum.error * kOwnRoundings + sum.reach;
  return sum;
}

/// How large a partial sum can be, and how small.
double most_of(const RunningSum& s) { return std::fabs(s.sum) + s.error + s.reach; }
double least_of(const RunningSum& s) { return std::fabs(s.sum) - s.error - s.reach; }

/// Whether so many significant bits hold the value.
bool fits(double value, int bits) {
  int exponent = 0;
  const double scaled = std::ldexp(std::frexp(value, &exponent), bits);
  return scaled == std::trunc(scaled);
}

/// Places after the point of a normalised operand: bf16, f16 or more.
int places(double value) { return fits(value, 8) ? 7 : fits(value, 11) ? 10 : 23; }

int exponent_of(double value) { return std::max(std::ilogb(value), kLowestExponent); }

/// One step: `c` and up to 16 products.
class TensorCoreStep {
 public:
  TensorCoreStep(std::span<const double> a, std::span<const double> b) : a_(a), b_(b) {}
  void apply(RunningSum& c) const;

 private:
  int largest_exponent(const RunningSum& c) const;
  double cut_off(const RunningSum& c, int largest) const;
  std::span<const double> a_, b_;
};

int TensorCoreStep::largest_exponent(const RunningSum& c) const {
  int largest = -133;
  if (most_of(c) > 0.0) largest = std::max(largest, exponent_of(most_of(c)));
  for (size_t i = 0; i < a_.size(); ++i)
    if (a_[i] != 0.0 && b_[i] != 0.0) largest = std::max(largest, exponent_of(a_[i]) + exponent_of(b_[i]));
  return largest;
}

/// What aligning the terms takes off: a product of two bf16 values has 14 places after the point, c has 23.
double TensorCoreStep::cut_off(const RunningSum& c, int largest) const {
  const double quantum = std::ldexp(1.0, largest - kKeptBits);
  double lost = 0.0;
  for (size_t i = 0; i < a_.size(); ++i) {
    if (a_[i] == 0.0 || b_[i] == 0.0) continue;
    if (exponent_of(a_[i]) + exponent_of(b_[i]) - places(a_[i]) - places(b_[i]) < largest - kKeptBits)
      lost += std::min(quantum, std::fabs(a_[i] * b_[i]));
  }
  const double least = least_of(c), most = most_of(c);
  const bool fine = !(least > 0.0) || exponent_of(least) - 23 < largest - kKeptBits;
  return most > 0.0 && fine ? lost + std::min(quantum, most) : lost;
}

void TensorCoreStep::apply(RunningSum& c) const {
  const double lost = cut_off(c, largest_exponent(c));
  for (size_t i = 0; i < a_.size(); ++i) c.sum += a_[i] * b_[i];
  c.error += lost;
  // Towards zero: up to a whole unit in the last place.
  if (c.error + c.reach > 0.0 || c.sum != as_f32(c.sum)) c.error += 2.0 * half_ulp_f32(most_of(c));
  c.empty = false;
}

}  // namespace

double half_ulp_f32(double size) {
  static const Rounder f32(DType::f32);
  if (size <= kMaxF32) return 0.5 * f32.spacing(size);
  return std::isfinite(size) ? 0x1p103 : kInfinity;  // past the range it is the last binade's, if the result is finite
}

void RunningSum::add(double term) {
  sum += term;
  if (!empty) error += half_ulp_f32(most_of(*this));
  empty = false;
}

void RunningSum::add(const RunningSum& other) {
  if (other.empty) return;
  if (empty) {
    *this = other;
    return;
  }
  sum += other.sum;
  error += other.error;
  error += half_ulp_f32(most_of(*this));
}

float chain_in_f32(std::span<const double> terms) {
  float sum = 0.0f;
  for (const double term : terms) sum += static_cast<float>(term);
  return sum;
}

float lanes_in_f32(std::span<const double> terms) {
  std::array<float, kLanes> lanes{};
  for (size_t i = 0; i < terms.size(); ++i) lanes[i % kLanes] += static_cast<float>(terms[i]);
  for (size_t half = kLanes / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

double expected_with_drift(double otherwise, double off) {
  return std::isfinite(off) ? std::hypot(otherwise, 2.0 / kMargin * off) : otherwise;
}

double product_roundings(std::span<const double> a, std::span<const double> b) {
  double lost = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double size = std::fabs(a[i] * b[i]);
    if (size == 0.0 || (size > 8.0 * kNormalF32 && fits(a[i], 12) && fits(b[i], 12))) continue;
    lost += half_ulp_f32(size);
  }
  return lost;
}

RunningSum chain_sum(std::span<const double> terms, double given) {
  RunningSum sum;
  sum.reach = given;
  for (const double term : terms) sum.add(term);
  return finished(sum);
}

RunningSum lanes_sum(std::span<const double> terms, double given) {
  std::array<RunningSum, kLanes> lanes;
  for (RunningSum& lane : lanes) lane.reach = given;
  for (size_t i = 0; i < terms.size(); ++i) lanes[i % kLanes].add(terms[i]);
  for (size_t half = kLanes / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) lanes[i].add(lanes[i + half]);
  return finished(lanes[0]);
}

RunningSum tensor_core_sum(std::span<const double> a, std::span<const double> b, double given) {
  RunningSum sum;
  sum.reach = given;
  for (size_t first = 0; first < a.size(); first += kStep) {
    const size_t count = std::min(kStep, a.size() - first);
    TensorCoreStep(a.subspan(first, count), b.subspan(first, count)).apply(sum);
  }
  return finished(sum);
}

RunningSum worst_order_sum(std::vector<double> terms, double given) {
  std::sort(terms.begin(), terms.end(), std::greater<>());
  return chain_sum(terms, given);
}

}  // namespace plumbline
