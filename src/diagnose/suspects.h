// SPDX-License-Identifier: Apache-2.0
// What may be wrong with an op: per kind of op, suppositions with their parameters fitted to the data. Each is cheap to
// state; whether it holds is for the replay to say (diagnose.cpp).
#pragma once
#include <vector>

#include "diagnose/bench.h"

namespace plumbline {

using Suspects = std::vector<Mistake>;

// For member `m` of the chain. Those that fit numbers do so on the failed op itself only: its results are recorded.
void suspect_norm(const Bench& bench, size_t m, Suspects& out);
void suspect_linear(const Bench& bench, size_t m, Suspects& out);
void suspect_rope_table(const Bench& bench, size_t m, Suspects& out);
void suspect_rope(const Bench& bench, size_t m, Suspects& out);
void suspect_attention(const Bench& bench, size_t m, Suspects& out);
void suspect_cache(const Bench& bench, size_t m, Suspects& out);
void suspect_elementwise(const Bench& bench, size_t m, Suspects& out);
void suspect_embedding(const Bench& bench, size_t m, Suspects& out);
/// Any op: another tap read, a constant factor, channels or heads in another order, another way to store.
void suspect_wiring(const Bench& bench, size_t m, Suspects& out);
void suspect_scale(const Bench& bench, size_t m, Suspects& out);
void suspect_order(const Bench& bench, size_t m, Suspects& out);
/// Elements that hold zero as if nobody had computed them: supposed before all else, as much else would explain them.
void suspect_missing(const Bench& bench, size_t m, Suspects& out);
void suspect_storage(const Bench& bench, size_t m, Suspects& out);

/// The mistake that scores best over a range of a positive number: a grid of `points` in its logarithm, then a golden
/// section. `make` gives the mistake for a value.
double fit_positive(const Bench& bench, double low, double high, int points,
                    const std::function<Mistake(double)>& make);
/// The same by the number of unequal bits, which tells far smaller differences than the mean square: grids in the
/// logarithm, each over the best stretch of the one before; the middle of the values that leave the fewest.
double fit_bits(const Bench& bench, double low, double high, const std::function<Mistake(double)>& make);
/// The roundest decimal within `tolerance` of the value (relative), or the value.
double rounded_number(double value, double tolerance);
/// "%.6g".
std::string number_text(double value);

}  // namespace plumbline
