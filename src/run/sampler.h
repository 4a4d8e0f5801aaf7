// SPDX-License-Identifier: Apache-2.0
// The choice of a next token by its logits: the largest, or one drawn.
//
// CONTRACT sampler/1
//   types     logits are widened to f64, exactly; everything after is f64, each operation rounded once, to nearest
//   order     S1 tokens stand by falling logit, equal ones by rising id
//             S2 top-k keeps the first k: ties at the edge go to the lower id (transformers keeps them all)
//             S3 the weight of each is e^((logit - largest) / T)
//             S4 sums run in the order of S1
//             S5 top-p keeps the fewest first tokens, one at least, whose weights reach p times the sum of S2's
//             S6 a number u of [0, 1) draws the first whose sum of weights passes u times that of all that S5 kept
//   rounding  e^x from its own series, by additions, products and divisions alone (below 1e-15 of the exact value; 0
//             where x < -708): the C library's may differ from machine to machine
//   generator u is the upper 53 bits of the first two words of Philox4x32-10 at counter (number of the drawn token, low
//             and high word, 0, 0) and key (seed, low and high word), as a multiple of 2^-53
//   special   a logit of -Inf is never drawn; NaN, +Inf, or nothing above -Inf is an error
//   repeat    equal logits, settings, seed and number give the same token on every machine and backend
//   source    our choice; temperature, top-k, top-p in the order of transformers
//   checked   tests/unit/run/sampler_test.cpp
#pragma once
#include <cstdint>
#include <vector>

namespace plumbline::run {

struct Sampling {
  double temperature = 0.0;  ///< 0: the largest logit, the lowest id of equal ones; nothing is drawn
  int64_t top_k = 0;         ///< 0: all
  double top_p = 1.0;        ///< of (0, 1]
  uint64_t seed = 0;
};

/// The token numbered `number` (from 0) of those that are chosen. Throws InputError for logits that choose nothing.
int64_t choose_token(const std::vector<double>& logits, const Sampling& sampling, int64_t number);

/// S6's u.
double uniform_draw(uint64_t seed, uint64_t number);

/// A token that S5 left, and its share of what it left.
struct Candidate {
  int64_t token = 0;
  double weight = 0.0;
};
/// What S1 to S5 leave, in the order of S1. Temperature above 0.
std::vector<Candidate> candidates(const std::vector<double>& logits, const Sampling& sampling);

}  // namespace plumbline::run
