// SPDX-License-Identifier: Apache-2.0
// Our fused RMSNorm+QKV on device memory that somebody else holds, and its time in a graph. No CUDA header here.
#pragma once
#include <array>
#include <cstddef>
#include <functional>
#include <vector>

namespace plumbline::bench {

struct QkvProblem {
  int rows, hidden;
  std::array<int, 3> columns;
  float eps;
  int mean_lanes;
  const void* x;                                    ///< bf16 [rows, hidden]
  const void* norm_weight;                          ///< bf16 [hidden]
  std::vector<std::array<const void*, 3>> weights;  ///< sets of bf16 [columns, hidden], taken in turn
  std::array<void*, 3> y;                           ///< bf16 [rows, columns]
  void* normed;                                     ///< bf16 [rows, hidden] to work with
};

/// One call with weight set `set`; returns when it has ended.
void run_qkv(const QkvProblem& problem, size_t set);
/// Microseconds a call, of each of `replays` replays of a graph of `calls` calls.
std::vector<double> time_qkv(const QkvProblem& problem, int calls, int replays);
/// Microseconds a call of what `calls` does `count` times on the default stream, `repeats` times, by CUDA events.
std::vector<double> time_calls(const std::function<void()>& call, int count, int repeats);
/// Bytes a second of a large copy from device memory to device memory: read and written bytes.
double copy_rate();

}  // namespace plumbline::bench
