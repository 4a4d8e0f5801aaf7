// SPDX-License-Identifier: Apache-2.0
// The host's side of the contract in statistics.h.
#include "core/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace plumbline {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr PartialStatistics kNothing{0.0, kInfinity, -kInfinity, 0, 0, 0, 0};

void join(PartialStatistics& to, const PartialStatistics& from) {
  to.squares += from.squares;
  if (from.least < to.least) to.least = from.least;
  if (from.largest > to.largest) to.largest = from.largest;
  to.nans += from.nans;
  to.infinities += from.infinities;
  to.unwritten |= from.unwritten;
}

void take(PartialStatistics& to, double value) {
  if (std::isnan(value)) {
    ++to.nans;
  } else if (std::isinf(value)) {
    ++to.infinities;
  } else {
    to.squares += value * value;
    const auto narrow = static_cast<float>(value);
    if (narrow < to.least) to.least = narrow;
    if (narrow > to.largest) to.largest = narrow;
  }
}

}  // namespace

PartialStatistics partial_statistics(const TensorView& values, int64_t chunk) {
  const int64_t first = chunk * kStatisticsChunk, end = std::min(values.count(), first + kStatisticsChunk);
  std::array<PartialStatistics, kStatisticsThreads> threads;
  threads.fill(kNothing);
  for (int64_t i = first; i < end; ++i)
    take(threads[static_cast<size_t>((i - first) / kStatisticsGroup % kStatisticsThreads)], values.at(i));
  for (size_t lane = 0; lane < 32; ++lane)
    for (size_t thread = lane + 32; thread < threads.size(); thread += 32) join(threads[lane], threads[thread]);
  for (size_t lane = 1; lane < 32; ++lane) join(threads[0], threads[lane]);
  return threads[0];
}

Tensor joined_statistics(int64_t count, std::span<const PartialStatistics> chunks) {
  PartialStatistics all = kNothing;
  // 32-bit counts of one chunk may overflow over all of them.
  int64_t nans = 0, infinities = 0;
  for (const PartialStatistics& chunk : chunks) {
    join(all, chunk);
    nans += chunk.nans;
    infinities += chunk.infinities;
  }
  const int64_t finite = count - nans - infinities;
  const double none = std::numeric_limits<double>::quiet_NaN();
  const std::array<double, 6> values = {
      static_cast<double>(count),      finite > 0 ? all.least : none,
      finite > 0 ? all.largest : none, finite > 0 ? std::sqrt(all.squares / static_cast<double>(finite)) : none,
      static_cast<double>(nans),       static_cast<double>(infinities)};
  return Tensor::from_values(DType::f64, {static_cast<int64_t>(values.size())}, values);
}

Tensor statistics_of(const TensorView& values) {
  std::vector<PartialStatistics> chunks;
  for (int64_t chunk = 0; chunk < statistics_chunks(values.count()); ++chunk)
    chunks.push_back(partial_statistics(values, chunk));
  return joined_statistics(values.count(), chunks);
}

TapSpec statistics_spec(const TapSpec& spec) { return {spec.path + ".stats", DType::f64, {"statistic"}, true}; }

std::string statistics_text(const TensorView& statistics) {
  const auto at = [&](int64_t i) { return statistics.at(i); };
  return fmt::format("{} values: min {:.6g}, max {:.6g}, rms {:.6g}, {} NaN, {} infinite", at(0), at(1), at(2), at(3),
                     at(4), at(5));
}

bool holds_statistics(std::span<const std::string> axes, const Shape& shape) {
  return axes.size() == 1 && axes.front() == "statistic" && shape == Shape{6};
}

}  // namespace plumbline
