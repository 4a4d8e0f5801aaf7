// SPDX-License-Identifier: Apache-2.0
// The contract's steps, one after the other.
#include "run/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/next_token.h"
#include "core/random.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void require_choosable(const std::vector<double>& logits, int64_t number) {
  const auto is_nan = [](double x) { return std::isnan(x); };
  const auto nans = std::count_if(logits.begin(), logits.end(), is_nan);
  const auto infinite = std::count(logits.begin(), logits.end(), kInfinity);
  const bool nothing = std::all_of(logits.begin(), logits.end(), [](double x) { return x == -kInfinity; });
  if (nans == 0 && infinite == 0 && !nothing) return;
  const auto first = std::find_if(logits.begin(), logits.end(), [&](double x) { return is_nan(x) || x == kInfinity; });
  std::vector<std::string> facts = {fmt::format("logits  {}: {} NaN, {} +Inf", logits.size(), nans, infinite)};
  facts.push_back(nothing
                      ? "all of them are -Inf"
                      : fmt::format("first   {} of token {}", is_nan(*first) ? "NaN" : "+Inf", first - logits.begin()));
  throw InputError(fmt::format("plumbline generate: the logits choose no token number {}", number), facts,
                   "`plumbline run` on these tokens records every op, `plumbline find` names the one where it begins");
}

/// e^x of x <= 0: x = k log 2 + r with |r| <= 0.35, log 2 in two parts (fdlibm's) so that k times the first is exact,
/// e^r by its series up to r^14 (the next term is below 2^-60).
double fixed_exp(double x) {
  constexpr double kLog2High = 6.93147180369123816490e-01, kLog2Low = 1.90821492927058770002e-10;
  if (x < -708.0) return 0.0;
  const double k = std::floor(x / (kLog2High + kLog2Low) + 0.5);
  const double r = (x - k * kLog2High) - k * kLog2Low;
  double sum = 1.0;
  for (int n = 14; n >= 1; --n) sum = 1.0 + sum * r / n;
  return std::ldexp(sum, static_cast<int>(k));
}

/// S1 and S2: ids of the first k.
std::vector<int64_t> leading_tokens(const std::vector<double>& logits, int64_t top_k) {
  std::vector<int64_t> ids(logits.size());
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(i);
  const size_t kept = top_k == 0 ? ids.size() : std::min(ids.size(), static_cast<size_t>(top_k));
  const auto before = [&](int64_t a, int64_t b) {
    const double left = logits[static_cast<size_t>(a)], right = logits[static_cast<size_t>(b)];
    return left != right ? left > right : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), ids.end(), before);
  ids.resize(kept);
  return ids;
}

}  // namespace

double uniform_draw(uint64_t seed, uint64_t number) {
  const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
  const auto words = philox4x32({low(number), low(number >> 32), 0, 0}, {low(seed), low(seed >> 32)});
  return static_cast<double>((uint64_t{words[0]} << 32 | words[1]) >> 11) * 0x1p-53;
}

std::vector<Candidate> candidates(const std::vector<double>& logits, const Sampling& sampling) {
  std::vector<Candidate> kept;
  const std::vector<int64_t> ids = leading_tokens(logits, sampling.top_k);
  const double largest = logits[static_cast<size_t>(ids.front())];
  double sum = 0.0;
  for (const int64_t id : ids) {
    kept.push_back({id, fixed_exp((logits[static_cast<size_t>(id)] - largest) / sampling.temperature)});  // S3
    sum += kept.back().weight;                                                                            // S4
  }
  double reached = 0.0;
  size_t nucleus = 0;
  while (nucleus < kept.size() && (nucleus == 0 || reached < sampling.top_p * sum))  // S5
    reached += kept[nucleus++].weight;
  kept.resize(nucleus);
  return kept;
}

int64_t choose_token(const std::vector<double>& logits, const Sampling& sampling, int64_t number) {
  require_choosable(logits, number);
  if (sampling.temperature == 0.0) return choice_of(logits).best;
  const std::vector<Candidate> kept = candidates(logits, sampling);
  double sum = 0.0;
  for (const Candidate& each : kept) sum += each.weight;
  const double mark = uniform_draw(sampling.seed, static_cast<uint64_t>(number)) * sum;  // S6
  size_t at = 0;
  double passed = kept[at].weight;
  while (passed <= mark) passed += kept[++at].weight;  // ends: u <= 1 - 2^-53, so the mark lies below the last sum
  return kept[at].token;
}

}  // namespace plumbline::run
