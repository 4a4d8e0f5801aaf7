// SPDX-License-Identifier: Apache-2.0
// An order of summation in words and as JSON. Invariant: repeated parts are named once, with their count and the
// distance between their first terms; what repeats nothing is spelled out.
#pragma once
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "run/summation_tree.h"

namespace plumbline::run {

/// "chain of 16 steps of 16 terms at once (stride 16)"
std::string summation_text(const SummationTree& tree);
/// {"terms": n, "depth": d, "widest": w, "sums": [[a, b], ...]}: sum k adds its entries; an entry below n is a term, n
/// + j is sum j < k; the last sum is the result.
nlohmann::ordered_json summation_json(const SummationTree& tree);
/// Terms and partial sums that the widest node adds in one go (2: ordinary additions; 1: there is one term only).
int64_t widest_sum(const SummationTree& tree);

}  // namespace plumbline::run
