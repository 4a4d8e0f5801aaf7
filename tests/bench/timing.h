// SPDX-License-Identifier: Apache-2.0
// What a series of timings comes to. Invariant: the median is of single timings, never of their sum.
#pragma once
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <vector>

namespace plumbline::bench {

/// Median and spread (10th and 90th percentile) of `times`, which may not be empty.
inline nlohmann::json spread(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) { return times[static_cast<size_t>(part * static_cast<double>(times.size() - 1))]; };
  return {{"median", at(0.5)}, {"p10", at(0.1)}, {"p90", at(0.9)}, {"count", times.size()}};
}

inline double median(const nlohmann::json& spread) { return spread.at("median").get<double>(); }

/// Seconds of `count` runs of `body`, each by the clock of the host: `body` must wait for the GPU.
template <class Body>
std::vector<double> seconds_of(int count, const Body& body) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return times;
}

}  // namespace plumbline::bench
