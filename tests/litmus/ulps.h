// SPDX-License-Identifier: Apache-2.0
// Distance of a float from an exact value, in units of the float spacing at the exact value.
#pragma once
#include <cmath>

namespace plumbline::litmus {

/// |actual - exact| / spacing, the spacing being 2^-149 below 2^-126. Both finite.
inline double ulps_from(double exact, float actual) {
  int exponent = 0;
  std::frexp(exact, &exponent);  // exact = m * 2^exponent, m in [0.5, 1)
  const int last = exact == 0.0 || exponent - 24 < -149 ? -149 : exponent - 24;
  return std::fabs(double(actual) - exact) / std::ldexp(1.0, last);
}

}  // namespace plumbline::litmus
