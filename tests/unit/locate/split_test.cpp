// SPDX-License-Identifier: Apache-2.0
// The exact split: the parts add up, masks and non-finite values stay out of the sums.
#include "locate/split.h"

#include <cmath>
#include <limits>

#include "oracle/uncertain.h"
#include "support/catch.h"

using namespace plumbline;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const double kMask = mask_magnitude(DType::bf16);

}  // namespace

TEST_CASE("total is inherited plus own minus the reference's own, element by element") {
  // y_R = 1, f_R = 1.5; y_C = 4, f_C = 3.5: total 3, inherited 2, own 0.5, reference's own -0.5.
  const Split s = split_of({1.0}, {1.5}, {4.0}, {3.5}, kMask);
  CHECK(s.total == 9.0);
  CHECK(s.inherited == 4.0);
  CHECK(s.own == 0.25);
  CHECK(s.reference_own == 0.25);
  CHECK(s.residue == 0.0);
  CHECK(s.unexplained == 1.0);
  CHECK(s.relative(s.total) == 2.0);  // 3 / 1.5
}

TEST_CASE("elements that are not finite on any side, or masked on both, take no part") {
  struct Row {
    double y_r, f_r, y_c, f_c;
    int64_t elements;
  };
  const double lowest = -max_finite(DType::bf16);
  const Row rows[] = {
      {1, 1, 1, 1, 1},           {kNan, 1, 1, 1, 0}, {1, kInf, 1, 1, 0},
      {1, 1, -kInf, 1, 0},       {1, 1, 1, kNan, 0}, {lowest, lowest, lowest, lowest, 0},  // masked on both sides
      {lowest, lowest, 1, 1, 1},  // masked on one side only: that is a difference
      {-0.0, 0.0, 0.0, -0.0, 1},
  };
  for (const Row& row : rows) {
    const Split s = split_of({row.y_r}, {row.f_r}, {row.y_c}, {row.f_c}, kMask);
    CHECK(s.elements == row.elements);
    if (row.elements == 0) CHECK(std::isnan(s.relative(s.total)));
  }
}

TEST_CASE("relative sizes know the zero cases") {
  CHECK(relative_difference({0.0}, {0.0}, kMask) == 0.0);
  CHECK(relative_difference({0.0}, {1.0}, kMask) == kInf);
  CHECK(relative_difference({4.0, kNan}, {5.0, 1.0}, kMask) == 0.25);
  CHECK(relative_difference({}, {}, kMask) == 0.0);
}

TEST_CASE("sums of blocks add up") {
  Split a = split_of({1.0}, {1.0}, {2.0}, {1.0}, kMask);
  a.add(split_of({2.0}, {2.0}, {4.0}, {2.0}, kMask));
  CHECK(a.total == 5.0);
  CHECK(a.reference == 5.0);
  CHECK(a.elements == 2);
  CHECK(a.relative(a.own) == 1.0);
}
