// SPDX-License-Identifier: Apache-2.0
// When a supposed mistake counts as proven.
#include "diagnose/score.h"

#include <cmath>
#include <limits>

#include "diagnose/order_text.h"
#include "diagnose/suspects.h"
#include "support/catch.h"

using namespace plumbline;

namespace {

constexpr double kMask = 1e37;

/// `count` elements off by `error` ulp each, `unequal` of them on another bit.
Score score_of(int count, double error, int unequal) {
  Score score;
  score.results.resize(1);
  for (int i = 0; i < count; ++i) {
    const double ulp = 0x1p-7, stored = 1.0 + error * ulp;
    score.results[0].add(stored, 1.0, i < unequal ? stored + ulp : stored, ulp, 0.0, kMask);
  }
  return score;
}

}  // namespace

TEST_CASE("what rounding alone leaves is one floor") {
  // An error spread evenly over +-ulp/2 has the mean square ulp^2/12: 0.2887 ulp.
  CHECK(score_of(100, std::sqrt(1.0 / 12.0), 0).left() == Approx(1.0));
  CHECK(score_of(100, 1.0, 100).left() == Approx(12.0));
  CHECK(score_of(100, 0.0, 0).left() == 0.0);
}

TEST_CASE("a supposition is proven only at the floor and with a tenth or less of the error") {
  const Score before = score_of(1000, 3.0, 900), floor = score_of(1000, 0.28, 3);
  CHECK(gain_of(before, floor).proven);
  CHECK_FALSE(gain_of(before, score_of(1000, 0.5, 3)).proven);              // a tenth, but not at the floor: 3 times it
  CHECK_FALSE(gain_of(score_of(1000, 0.3, 20), floor).proven);              // at the floor, as it was before
  CHECK(gain_of(score_of(1000, 0.3, 20), score_of(1000, 0.28, 0)).proven);  // bits tell what the mean square hides
  CHECK_FALSE(gain_of(before, Score{}).proven);                             // could not be replayed
}

TEST_CASE("NaN where the replay has a number is broken, whatever else fits") {
  Score score = score_of(10, 0.0, 0);
  score.results[0].add(std::numeric_limits<double>::quiet_NaN(), 1.0, 1.0, 0x1p-7, 0.0, kMask);
  CHECK(score.broken() == 1);
  CHECK_FALSE(score.at_floor());
  CHECK_FALSE(gain_of(score_of(11, 3.0, 11), score).proven);
}

TEST_CASE("orders and ranges are said in few words") {
  CHECK(ranges_text({0, 1, 2, 5, 7, 8}) == "0..2, 5, 7..8");
  CHECK(order_text({2, 3, 0, 1}) == "0..1 swapped with 2..3");
  CHECK(order_text({0, 0, 2}) == "1 from 0");
  CHECK(ranges_text({0, 2, 4, 6, 8, 10}) == "0, 2, 4, 6 and 2 more");
}

TEST_CASE("fitted numbers are rounded no further than asked") {
  CHECK(rounded_number(9.97e-6, 0.01) == 1e-5);
  CHECK(rounded_number(9.97e-6, 0.001) == 9.97e-6);
  CHECK(rounded_number(350021.0, 0.001) == 350000.0);
  CHECK(rounded_number(1.702, 0.002) == 1.7);
}
