// SPDX-License-Identifier: Apache-2.0
#include "trial/sums.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include <plumbline/dtype.h>

namespace plumbline::trial {
namespace {

using Terms = std::span<const float>;

float chain(Terms terms) {
  float sum = 0.0f;
  for (const float term : terms) sum += term;
  return sum;
}

float lanes(Terms terms) {
  float lane[32] = {};
  for (size_t i = 0; i < terms.size(); ++i) lane[i % 32] += terms[i];
  for (size_t half = 16; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

float blocked(Terms terms) {
  std::vector<float> partial;
  for (size_t first = 0; first < terms.size(); first += 64)
    partial.push_back(chain(terms.subspan(first, std::min<size_t>(64, terms.size() - first))));
  return chain(partial);
}

float pairwise(Terms terms) {
  if (terms.size() <= 2) return chain(terms);
  const size_t half = terms.size() / 2;
  return pairwise(terms.first(half)) + pairwise(terms.subspan(half));
}

float flushed(float value) { return std::fabs(value) < std::numeric_limits<float>::min() ? 0.0f : value; }

float flushing_dot(Terms a, Terms b) {
  float sum = 0.0f;
  for (size_t i = 0; i < a.size(); ++i) sum = flushed(sum + flushed(flushed(a[i]) * flushed(b[i])));
  return sum;
}

float towards_zero(double value) {
  const float nearest = static_cast<float>(value);
  return std::fabs(static_cast<double>(nearest)) > std::fabs(value) ? std::nextafter(nearest, 0.0f) : nearest;
}

float plain_dot(Terms a, Terms b) {
  float sum = 0.0f;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Subnormal operands are not normalised; infinity and NaN have an exponent beyond all others.
int exponent_of(float value) { return std::isfinite(value) ? std::max(std::ilogb(value), -126) : 5000; }

/// One tensor-core step: terms cut to 25 bits below the largest exponent, added exactly, cut to f32.
float tensor_core_step(float c, Terms a, Terms b) {
  int largest = c == 0.0f ? -1000 : exponent_of(c);
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != 0.0f && b[i] != 0.0f) largest = std::max(largest, exponent_of(a[i]) + exponent_of(b[i]));
  if (largest == -1000) return c;
  if (largest > 1000) return c + plain_dot(a, b);  // infinite or NaN: not a number, whatever the order
  largest = std::max(largest, -133);
  const auto cut = [&](double value) { return std::trunc(std::ldexp(value, 25 - largest)); };
  double sum = cut(static_cast<double>(c));
  for (size_t i = 0; i < a.size(); ++i) sum += cut(static_cast<double>(a[i]) * static_cast<double>(b[i]));
  return towards_zero(std::ldexp(sum, largest - 25));
}

float tensor_core(Terms a, Terms b) {
  float c = 0.0f;
  for (size_t k = 0; k < a.size(); k += 16) {
    const size_t count = std::min<size_t>(16, a.size() - k);
    c = tensor_core_step(c, a.subspan(k, count), b.subspan(k, count));
  }
  return c;
}

float fused_chain(Terms a, Terms b) {
  float sum = 0.0f;
  for (size_t i = 0; i < a.size(); ++i) sum = std::fma(a[i], b[i], sum);
  return sum;
}

/// The sums of `parts` contiguous parts of equal length.
template <class Sum>
std::vector<float> each_part(Terms a, Terms b, size_t parts, const Sum& sum) {
  const size_t length = std::max<size_t>(1, (a.size() + parts - 1) / parts);
  std::vector<float> out;
  for (size_t first = 0; first < a.size(); first += length) {
    const size_t count = std::min(length, a.size() - first);
    out.push_back(sum(a.subspan(first, count), b.subspan(first, count)));
  }
  return out;
}

}  // namespace

float sum_in_order(Order order, const std::vector<float>& terms) {
  switch (order) {
    case Order::lanes:
    case Order::tensor_core: return lanes(terms);
    case Order::blocked: return blocked(terms);
    case Order::pairwise:
    case Order::split_tensor_core: return pairwise(terms);
    case Order::reversed: return chain(std::vector<float>(terms.rbegin(), terms.rend()));
    default: return chain(terms);
  }
}

std::vector<float> sums_of_parts(const std::vector<float>& a, const std::vector<float>& b, int64_t parts) {
  std::vector<float> sums = each_part(a, b, static_cast<size_t>(parts), tensor_core);
  sums.resize(static_cast<size_t>(parts), 0.0f);
  return sums;
}

float dot_in_order(Order order, const std::vector<float>& a, const std::vector<float>& b, int64_t parts) {
  switch (order) {
    case Order::tensor_core: return tensor_core(a, b);
    case Order::split_tensor_core: return chain(each_part(a, b, 4, tensor_core));
    case Order::fused_chain: return fused_chain(a, b);
    case Order::flushing: return flushing_dot(a, b);
    case Order::bf16_parts: {
      std::vector<float> sums = sums_of_parts(a, b, parts);
      for (float& sum : sums) sum = bf16_to_f32(f32_to_bf16(sum));
      return chain(sums);
    }
    default: break;
  }
  std::vector<float> products(a.size());
  for (size_t i = 0; i < a.size(); ++i) products[i] = a[i] * b[i];
  return sum_in_order(order, products);
}

}  // namespace plumbline::trial
