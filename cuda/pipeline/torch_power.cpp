// SPDX-License-Identifier: Apache-2.0
// pow in pairs of f32, whose sum is the value. Invariant and contract: torch_functions.h.
#include <cmath>

#include "cuda/pipeline/torch_functions.h"

namespace plumbline {
namespace {

struct Pair {
  float high, low;
};

/// Exact.
Pair sum(float a, float b) {
  const float s = a + b, v = s - a;
  return {s, (a - (s - v)) + (b - v)};
}

Pair sum(Pair a, float b) {
  const Pair s = sum(a.high, b);
  return {s.high, s.low + a.low};
}

Pair sum(Pair a, Pair b) {
  const Pair s = sum(a.high, b.high);
  return {s.high, s.low + (a.low + b.low)};
}

/// For |a| >= |b|.
Pair quick_sum(Pair a, Pair b) {
  const float s = a.high + b.high;
  return {s, (((a.high - s) + b.high) + a.low) + b.low};
}

Pair quick_sum(float a, Pair b) {
  const float s = a + b.high;
  return {s, ((a - s) + b.high) + b.low};
}

Pair product(Pair a, float b) {
  const float p = a.high * b;
  return {p, std::fma(a.low, b, std::fma(a.high, b, -p))};
}

Pair product(Pair a, Pair b) {
  const float p = a.high * b.high;
  return {p, std::fma(a.high, b.low, std::fma(a.low, b.high, std::fma(a.high, b.high, -p)))};
}

Pair square(Pair a) {
  const float p = a.high * a.high;
  return {p, std::fma(a.high + a.high, a.low, std::fma(a.high, a.high, -p))};
}

Pair quotient(Pair a, Pair b) {
  const float inverse = 1.0f / b.high, q = a.high * inverse;
  const float cut = std::fma(inverse, a.high, -q);
  const float rest = std::fma(-b.low, inverse, std::fma(-b.high, inverse, 1.0f));
  return {q, std::fma(q, rest, std::fma(a.low, inverse, cut))};
}

/// A1.
Pair logarithm(float x) {
  int exponent = 0;
  float m = std::frexp(x, &exponent);  // 0.5 <= m < 1
  if (m < 0.75f) {
    m *= 2.0f;
    --exponent;
  }
  const Pair z = quotient(sum(-1.0f, m), sum(1.0f, m)), z2 = square(z);
  float t = 0.240320354700088500976562f;
  t = std::fma(t, z2.high, 0.285112679004669189453125f);
  t = std::fma(t, z2.high, 0.400007992982864379882812f);
  const Pair third = {0.66666662693023681640625f, 3.69183861259614332084311e-09f};
  Pair s = product(Pair{0.69314718246459960938f, -1.904654323148236017e-09f}, static_cast<float>(exponent));
  s = quick_sum(s, Pair{z.high * 2.0f, z.low * 2.0f});
  return quick_sum(s, product(product(z2, z), sum(product(z2, t), third)));
}

/// A3 R1. Sums that leave f32's range do not occur for frequencies.
float exponential(Pair x) {
  const float turns = std::nearbyint((x.high + x.low) * 1.442695040888963407359924681001892137426645954152985934f);
  Pair s = sum(x, turns * -0.693145751953125f);
  s = sum(s, turns * -1.428606765330187045e-06f);
  const float whole = s.high + s.low;
  s = {whole, (s.high - whole) + s.low};
  float u = 0.00136324646882712841033936f;
  u = std::fma(u, s.high, 0.00836596917361021041870117f);
  u = std::fma(u, s.high, 0.0416710823774337768554688f);
  u = std::fma(u, s.high, 0.166665524244308471679688f);
  u = std::fma(u, s.high, 0.499999850988388061523438f);
  const Pair t = quick_sum(1.0f, quick_sum(s, product(square(s), u)));
  return x.high < -104.0f ? 0.0f : std::ldexp(t.high + t.low, static_cast<int>(turns));
}

}  // namespace

float torch_cpu_pow(float x, float y) {
  if (y == 0.0f || x == 1.0f) return 1.0f;
  return exponential(product(logarithm(x), y));  // A2
}

}  // namespace plumbline
