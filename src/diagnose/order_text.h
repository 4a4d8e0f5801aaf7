// SPDX-License-Identifier: Apache-2.0
// Sets and orders of indices in words.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace plumbline {

/// "0..15, 48..63"; at most four ranges are written out.
std::string ranges_text(const std::vector<int64_t>& ascending);
/// What stands at i is `source[i]`: "64..127 swapped with 0..63", "3 is a copy of 2", "0..63 come from 64..127, ...".
std::string order_text(const std::vector<int64_t>& source);

/// Each index at one place, or whole stretches that hold a copy of others: no chance likenesses of single slices.
bool plausible_order(const std::vector<int64_t>& source);

}  // namespace plumbline
