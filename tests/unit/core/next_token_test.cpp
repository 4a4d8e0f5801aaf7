// SPDX-License-Identifier: Apache-2.0
// Rows of logits whose choice and divergence are known.
#include "core/next_token.h"

#include <cmath>
#include <limits>

#include "support/catch.h"

namespace plumbline {

TEST_CASE("the divergence of two distributions, by hand") {
  const double inf = std::numeric_limits<double>::infinity();
  // p = (1/2, 1/2), q = (3/4, 1/4): log(2/3) / 2 + log(2) / 2 = log(4/3) / 2
  CHECK(kl_divergence({0.0, 0.0}, {std::log(3.0), 0.0}) == Approx(std::log(4.0 / 3.0) / 2.0));
  CHECK(kl_divergence({1.0, 2.0, 3.0}, {101.0, 102.0, 103.0}) == 0.0);  // a shift changes no probability
  CHECK(kl_divergence({0.0, -inf}, {0.0, 0.0}) == Approx(std::log(2.0)));
  CHECK(std::isinf(kl_divergence({0.0, 0.0}, {0.0, -inf})));
  CHECK(std::isnan(kl_divergence({0.0, std::nan("")}, {0.0, 0.0})));
  CHECK(std::isnan(kl_divergence({0.0, 0.0}, {inf, 0.0})));
}

TEST_CASE("the two largest logits, the lower id first where they tie") {
  const Choice choice = choice_of({1.0, 5.0, 5.0, 4.0});
  CHECK(choice.best == 1);
  CHECK(choice.second == 2);
  CHECK(choice.margin() == 0.0);
  CHECK(choice_of({2.0, 7.0, 3.0}).second == 2);
  CHECK(choice_of({2.0}).second == -1);
}

TEST_CASE("NaN is nobody's choice while a number is left") {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  const Choice choice = choice_of({nan, -5.0, nan, -4.0});
  CHECK(choice.best == 3);
  CHECK(choice.second == 1);
  CHECK(choice_of({nan, -inf}).best == 1);
  CHECK(choice_of({nan, nan}).best == 0);
}

}  // namespace plumbline
