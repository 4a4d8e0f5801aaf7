// SPDX-License-Identifier: Apache-2.0
// The sampler against plain computation: a full sort, the C library's exp, counts of many draws.
#include "run/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>

#include "core/random.h"
#include "support/catch.h"
#include "support/error_text.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::nan("");

Sampling drawn(double temperature, int64_t top_k = 0, double top_p = 1.0, uint64_t seed = 0) {
  return {temperature, top_k, top_p, seed};
}

std::vector<int64_t> tokens_of(const std::vector<Candidate>& kept) {
  std::vector<int64_t> tokens;
  for (const Candidate& each : kept) tokens.push_back(each.token);
  return tokens;
}

/// By a stable sort, and sums of the library's exp in long double.
std::vector<int64_t> plain_candidates(const std::vector<double>& logits, const Sampling& sampling) {
  std::vector<int64_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto logit = [&](int64_t id) { return logits[static_cast<size_t>(id)]; };
  std::stable_sort(ids.begin(), ids.end(), [&](int64_t a, int64_t b) { return logit(a) > logit(b); });
  if (sampling.top_k > 0) ids.resize(std::min(ids.size(), static_cast<size_t>(sampling.top_k)));
  const auto weight = [&](int64_t id) {
    return std::exp((static_cast<long double>(logit(id)) - logit(ids.front())) / sampling.temperature);
  };
  long double sum = 0.0L, reached = 0.0L;
  for (const int64_t id : ids) sum += weight(id);
  size_t kept = 0;
  while (kept < ids.size() && (kept == 0 || reached < sampling.top_p * sum)) reached += weight(ids[kept++]);
  ids.resize(kept);
  return ids;
}

}  // namespace

TEST_CASE("greedy is the largest logit, the lowest id of equals", "[run][sampler]") {
  CHECK(choose_token({1, 3, 2}, {}, 0) == 1);
  CHECK(choose_token({3, 3, 3}, {}, 7) == 0);
  CHECK(choose_token({-kInf, -2, -2}, {}, 0) == 1);
  CHECK(choose_token({-0.0, 0.0}, {}, 0) == 0);
}

TEST_CASE("logits that choose nothing are an error that says what they hold", "[run][sampler]") {
  const auto text = [](std::vector<double> logits, const Sampling& sampling) {
    return test::error_text<InputError>([&] { choose_token(logits, sampling, 4); });
  };
  for (const Sampling& sampling : {Sampling{}, drawn(1.0)}) {
    CHECK_THAT(text({1, kNan, 2, kNan}, sampling), Catch::Contains("choose no token number 4"));
    CHECK_THAT(text({1, kNan, 2, kNan}, sampling), Catch::Contains("4: 2 NaN, 0 +Inf"));
    CHECK_THAT(text({1, kNan, 2}, sampling), Catch::Contains("NaN of token 1"));
    CHECK_THAT(text({1, 2, kInf}, sampling), Catch::Contains("+Inf of token 2"));
    CHECK_THAT(text({-kInf, -kInf}, sampling), Catch::Contains("all of them are -Inf"));
    CHECK_THAT(text({kNan}, sampling), Catch::Contains("plumbline find"));
  }
}

TEST_CASE("top-k keeps the first k, and at its edge the lower ids of equal logits", "[run][sampler]") {
  const std::vector<double> logits = {1, 5, 3, 5, 3, 3};
  CHECK(tokens_of(candidates(logits, drawn(1.0, 1))) == std::vector<int64_t>{1});
  CHECK(tokens_of(candidates(logits, drawn(1.0, 3))) == std::vector<int64_t>{1, 3, 2});
  CHECK(tokens_of(candidates(logits, drawn(1.0, 4))) == std::vector<int64_t>{1, 3, 2, 4});
  CHECK(tokens_of(candidates(logits, drawn(1.0, 100))) == std::vector<int64_t>{1, 3, 2, 4, 5, 0});
}

TEST_CASE("top-p keeps the fewest that hold that share, at least one, and counts after top-k", "[run][sampler]") {
  const std::vector<double> quarters = {0, 0, 0, 0};  // exact weights: the edges are exact
  CHECK(candidates(quarters, drawn(1.0, 0, 0.25)).size() == 1);
  CHECK(candidates(quarters, drawn(1.0, 0, 0.2500001)).size() == 2);
  CHECK(candidates(quarters, drawn(1.0, 0, 0.75)).size() == 3);
  CHECK(candidates(quarters, drawn(1.0, 0, 1.0)).size() == 4);
  CHECK(candidates(quarters, drawn(1.0, 0, 1e-300)).size() == 1);
  CHECK(candidates(quarters, drawn(1.0, 2, 0.5)).size() == 1);  // half of the two that top-k left
  CHECK(candidates({0, -1, -kInf}, drawn(1.0)).size() == 2);    // what has no weight is not kept
  CHECK(candidates({0, -1}, drawn(1e-300)).size() == 1);
}

TEST_CASE("what is kept is what a full sort keeps, ties and all", "[run][sampler]") {
  constexpr uint64_t kSeed = 11;
  INFO("seed " << kSeed);
  SplitMix64 random(kSeed);
  for (int i = 0; i < 400; ++i) {
    std::vector<double> logits(1 + random.next() % 60);
    for (double& logit : logits) logit = std::floor(random.normal() * 8.0) / 4.0;  // many ties
    const Sampling sampling =
        drawn(0.25 + 2.0 * random.uniform(), static_cast<int64_t>(random.next() % 70), 0.02 + 0.97 * random.uniform());
    CHECK(tokens_of(candidates(logits, sampling)) == plain_candidates(logits, sampling));
  }
}

TEST_CASE("weights are e^x to 1e-15, from 0 down to where they end", "[run][sampler]") {
  SplitMix64 random(3);
  double largest = 0.0;
  for (int i = 0; i < 20000; ++i) {
    const double x = -std::ldexp(random.uniform(), static_cast<int>(random.next() % 30) - 20);  // to -512
    const auto kept = candidates({0.0, x}, drawn(1.0));
    if (kept.size() < 2) {  // 1 + weight is 1
      CHECK(x < -36.7);
      continue;
    }
    largest = std::max(largest, std::abs(kept[1].weight / std::exp(x) - 1.0));
  }
  INFO("largest relative error " << largest);
  CHECK(largest < 1e-15);
}

TEST_CASE("the same seed draws the same tokens, another seed or number others", "[run][sampler]") {
  std::vector<double> flat(1000, 0.0);
  CHECK(choose_token(flat, drawn(1.0, 0, 1.0, 5), 3) == choose_token(flat, drawn(1.0, 0, 1.0, 5), 3));
  CHECK(choose_token(flat, drawn(1.0, 0, 1.0, 5), 3) != choose_token(flat, drawn(1.0, 0, 1.0, 6), 3));
  CHECK(choose_token(flat, drawn(1.0, 0, 1.0, 5), 3) != choose_token(flat, drawn(1.0, 0, 1.0, 5), 4));
  // Seed and number have words of their own: Philox's published answer for zeros, and both halves of the seed count.
  CHECK(uniform_draw(0, 0) == static_cast<double>(0x6627e8d5e169c58dULL >> 11) * 0x1p-53);
  CHECK(uniform_draw(uint64_t{1} << 32, 0) != uniform_draw(0, 0));
  CHECK(uniform_draw(0, 1) != uniform_draw(1, 0));
  // Of a thousand equal logits u draws the one at u * 1000.
  for (int64_t number = 0; number < 50; ++number)
    CHECK(choose_token(flat, drawn(1.0, 0, 1.0, 9), number) ==
          static_cast<int64_t>(uniform_draw(9, static_cast<uint64_t>(number)) * 1000.0));
}

TEST_CASE("many draws come as often as the softmax says", "[run][sampler]") {
  const std::vector<double> logits = {1.0, 0.0, 2.0, -1.0, -kInf};
  const double temperature = 0.7;
  constexpr int kDraws = 40000;
  std::map<int64_t, int> drawn_often;
  for (int number = 0; number < kDraws; ++number)
    ++drawn_often[choose_token(logits, drawn(temperature, 0, 1.0, 1), number)];
  CHECK_FALSE(drawn_often.contains(4));
  double sum = 0.0, chi_square = 0.0;
  for (size_t i = 0; i < 4; ++i) sum += std::exp(logits[i] / temperature);
  for (size_t i = 0; i < 4; ++i) {
    const double expected = kDraws * std::exp(logits[i] / temperature) / sum;
    chi_square += std::pow(drawn_often[static_cast<int64_t>(i)] - expected, 2) / expected;
  }
  INFO("chi square of three degrees of freedom " << chi_square);
  CHECK(chi_square < 16.27);  // 0.999 of right samplers; the draws are fixed, so the test is too
}

}  // namespace plumbline::run
