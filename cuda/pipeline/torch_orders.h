// SPDX-License-Identifier: Apache-2.0
// In which order LibTorch's kernels on a Hopper GPU sum, by shape: contract torch/sm90 as data. Invariant: an answer
// was seen on that GPU; a shape that nobody has asked about is refused, never guessed. Left to others: summing so (the
// kernels), the functions (common/arithmetic.h).
//   source   found by asking (FPRev: cancelling terms and the units that survive them) at::mean, at::linear and
//            at::matmul of LibTorch 2.11+cu130 with cuBLAS 13, bf16, reduced-precision sums off. Another cuBLAS may
//            choose other kernels: `plumbline order MODEL --backend torch --device cuda` asks again
//   checked  tests/kernel/pipeline/torch_orders_test.cpp; on a GPU scripts/gpu_all.sh equal
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cuda/common/lane_order.h"

namespace plumbline {

/// The GPUs whose orders are known. They differ in when cuBLAS splits a product.
enum class HopperGpu : uint8_t { h100, h200 };

/// One attention of a forward pass: `queries` new tokens against `keys`, those of the step included.
struct AttentionShape {
  int64_t heads, head_dim, queries, keys;
};

class TorchOrders {
 public:
  static constexpr int64_t kMostKeys = 1024;  ///< of an attention that was asked about

  explicit TorchOrders(HopperGpu gpu) : gpu_(gpu) {}

  /// Lanes that share the mean of a row of `columns`, of `rows` rows. Throws BackendError for a shape that is not
  /// known.
  int mean_lanes(int64_t columns, int64_t rows) const;
  /// The part of `depth` that one chain sums, for [rows, depth] times [columns, depth]^T: `depth`, or less, and the
  /// chains are then added in order.
  int part_depth(int64_t columns, int64_t depth, int64_t rows) const;
  /// Of q k^T and of p v. Throws BackendError for a shape that is not known.
  LaneOrder scores(const AttentionShape& shape) const;
  LaneOrder context(const AttentionShape& shape) const;
  /// Throws BackendError for rows that softmax sums in an order that is not known.
  void require_softmax(int64_t keys) const;

 private:
  HopperGpu gpu_;
};

/// "torch/sm90-h100", "torch/sm90-h200"; "torch/sm90" is the latter.
HopperGpu hopper_gpu(std::string_view numerics);

}  // namespace plumbline
