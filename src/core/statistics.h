// SPDX-License-Identifier: Apache-2.0
// What `--taps stats` keeps of a tap in place of its values: how many, least, largest, rms, NaN and infinities.
// Invariant: one declared order, so that a GPU, the twin and the host give the same bits of the same values in the same
// order of memory. NUMERICS CONTRACT statistics/chunks
//   types    bf16, f16, f32 or integers in; squares and their sums f64; least and largest as the values
//   order    A1 chunks of 8192 elements, groups of 8; in each chunk thread t of 128 adds the squares of groups t,
//            t+128, ..., element by element
//            A2 lane l of 32 adds the sums of threads l, l+32, l+64, l+96   A3 the sums of lanes 0, 1, ... 31 are added
//            A4 the sums of the chunks are added, first to last; rms = sqrt(sum / number of finite values)
//   rounding a square of bf16, f16, f32 is exact in f64; every addition, the quotient and the root to nearest even
//   special  NaN and infinities are counted and left out of the rest; of equal extremes the first met (so -0 or 0)
//   repeat   the same bits everywhere; another layout in memory (a cache by token) may move the last bits of rms
//   checked  tests/kernel/statistics
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include <plumbline/op_graph.h>
#include <plumbline/tensor.h>

namespace plumbline {

inline constexpr int64_t kStatisticsChunk = 8192;
inline constexpr int kStatisticsThreads = 128;
inline constexpr int kStatisticsGroup = 8;

/// Of one chunk, or of one thread's share of it.
struct PartialStatistics {
  double squares;        ///< of the finite values
  float least, largest;  ///< of the finite values; +Inf and -Inf if there are none
  uint32_t nans, infinities;
  uint32_t unwritten;  ///< 1: poison of device memory survived in it
  uint32_t unused;
};

constexpr int64_t statistics_chunks(int64_t count) { return (count + kStatisticsChunk - 1) / kStatisticsChunk; }

/// One chunk, on the host, in the order of the contract; `unwritten` is 0.
PartialStatistics partial_statistics(const TensorView& values, int64_t chunk);
/// The tap's statistics from those of its chunks: f64 [6], count, least, largest, rms, NaNs, infinities. Without a
/// finite value least, largest and rms are NaN.
Tensor joined_statistics(int64_t count, std::span<const PartialStatistics> chunks);
/// Both, on the host.
Tensor statistics_of(const TensorView& values);

/// How the statistics of the tap `spec` are recorded: PATH.stats, f64, one axis "statistic".
TapSpec statistics_spec(const TapSpec& spec);
/// "2048 values: min -3.5, max 4, rms 1.01, 0 NaN, 0 infinite" of such a tap.
std::string statistics_text(const TensorView& statistics);
/// Whether a tap with these axes and this shape is one.
bool holds_statistics(std::span<const std::string> axes, const Shape& shape);

}  // namespace plumbline
