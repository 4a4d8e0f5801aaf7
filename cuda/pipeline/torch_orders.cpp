// SPDX-License-Identifier: Apache-2.0
// The tables. Invariant and source: torch_orders.h.
#include "cuda/pipeline/torch_orders.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include <plumbline/error.h>

namespace plumbline {
namespace {

constexpr int64_t kMostRows = 512;                     // of a product that was asked about
constexpr int64_t kMostKeys = TorchOrders::kMostKeys;  // and of one of softmax's rows in a warp

[[noreturn]] void refuse(const std::string& what, const std::string& shape, const std::string& way_out) {
  throw BackendError("numerics torch/sm90: how LibTorch orders " + what + " is not known for this shape",
                     {"shape  " + shape}, way_out + ", or --numerics portable");
}

/// A product whose order is known up to kMostRows rows: one chain, but for few rows two halves where they are given.
/// Asked with 1 to 5, 8, 16, 24, 28, 32, 64, 100, 128, 256 and 512 rows; between two of these with one answer that
/// answer is taken, between two with different ones none.
struct KnownProduct {
  int64_t columns, depth;
  std::array<int64_t, 2> split_up_to;            ///< rows, by HopperGpu; 0: never
  std::array<int64_t, 2> chain_from = {{1, 1}};  ///< rows, by HopperGpu
};

constexpr std::array<KnownProduct, 16> kProducts = {{
    // Qwen3-0.6B
    {2048, 1024, {0, 0}},
    {1024, 1024, {0, 0}},
    {1024, 2048, {0, 0}},
    {3072, 1024, {0, 0}},
    {1024, 3072, {100, 128}, {128, 256}},
    {151936, 1024, {0, 0}},
    // the tiny trained models
    {512, 128, {0, 0}},
    {256, 128, {0, 0}},
    {128, 512, {0, 0}},
    {64, 128, {0, 0}},
    {128, 64, {0, 0}},
    {320, 128, {0, 0}},
    {128, 128, {0, 0}},
    {128, 256, {0, 0}},
    {416, 128, {0, 0}},
    {128, 416, {0, 0}},
}};

/// From `first` keys on, until the next row of the table.
struct FromKeys {
  int64_t first;
  LaneOrder order;
};

// One query, and keys that are no multiple of 8 (those are one chain): cuBLAS takes a vector kernel.
constexpr std::array<FromKeys, 6> kScores16x128 = {
    {{1, {16, 8}}, {33, {32, 4}}, {65, {16, 8}}, {225, {16, 1}}, {257, {16, 1, true}}, {641, {8, 1}}}};
constexpr std::array<FromKeys, 5> kScores4x128 = {
    {{1, {16, 8}}, {161, {32, 4}}, {210, {16, 8}}, {897, {16, 1, true}}, {961, {16, 1}}}};
constexpr std::array<FromKeys, 2> kScores4x64 = {{{1, {16, 4}}, {161, {4, 16}}}};

constexpr int kShared = 0;  // vector: as many neighbours as make 32 lanes of all terms
constexpr std::array<FromKeys, 2> kContext16 = {{{1, {32, 4}}, {426, {32, 1}}}};
constexpr std::array<FromKeys, 3> kContext4 = {{{1, {32, 4}}, {426, {32, kShared}}, {907, {32, 1}}}};

struct KnownAttention {
  int64_t heads, head_dim;
  std::span<const FromKeys> scores, context;
  int64_t even_scores_chain_from;  ///< keys from which an even count is one chain too
};

constexpr std::array<KnownAttention, 3> kAttentions = {{{16, 128, kScores16x128, kContext16, 640},
                                                        {4, 128, kScores4x128, kContext4, kMostKeys},
                                                        {4, 64, kScores4x64, kContext4, kMostKeys}}};

LaneOrder order_at(std::span<const FromKeys> table, int64_t keys) {
  LaneOrder order =
      std::ranges::find_if(table.rbegin(), table.rend(), [&](const FromKeys& row) { return row.first <= keys; })->order;
  if (order.vector == kShared) order.vector = int((keys + order.lanes - 1) / order.lanes);
  return order;
}

std::string shape_text(const AttentionShape& shape) {
  return std::to_string(shape.heads) + " heads of " + std::to_string(shape.head_dim) + ", " +
         std::to_string(shape.queries) + " queries, " + std::to_string(shape.keys) + " keys";
}

/// Whether cuBLAS runs it on tensor cores, in ascending steps of 16 terms.
bool is_chain(const AttentionShape& shape) {
  if (shape.keys > kMostKeys) return false;
  if (shape.keys % 8 == 0) return shape.queries == 1 || shape.queries == shape.keys;
  return shape.queries > 1 && shape.queries == shape.keys && shape.keys <= 32;
}

const KnownAttention& known_attention(const AttentionShape& shape) {
  const auto found = std::ranges::find_if(kAttentions, [&](const KnownAttention& known) {
    return known.heads == shape.heads && known.head_dim == shape.head_dim;
  });
  if (found == kAttentions.end())
    refuse("an attention", shape_text(shape), "known are 16 heads of 128, 4 of 128 and 4 of 64");
  if (shape.queries != 1 || shape.keys > kMostKeys)
    refuse("an attention", shape_text(shape),
           "take a prompt of a multiple of 8 tokens (or at most 32), fed at once, and at most 1024 keys in all");
  return *found;
}

}  // namespace

int TorchOrders::mean_lanes(int64_t columns, int64_t rows) const {
  const auto power_below = [](int64_t value) { return int64_t(std::bit_floor(uint64_t(value))); };
  const int64_t few = std::min<int64_t>(power_below(rows), 16);
  const int64_t lanes = std::min(power_below(std::max<int64_t>(columns / 4, 1)), 512 / few);
  if (columns < 128 || columns % (4 * lanes) != 0)
    refuse("a mean", std::to_string(rows) + " rows of " + std::to_string(columns),
           "known are multiples of 4 lanes from 128 columns on");
  return int(lanes);
}

int TorchOrders::part_depth(int64_t columns, int64_t depth, int64_t rows) const {
  const auto found = std::ranges::find_if(
      kProducts, [&](const KnownProduct& known) { return known.columns == columns && known.depth == depth; });
  const bool known = found != kProducts.end() && rows <= kMostRows &&
                     (rows <= found->split_up_to.at(size_t(gpu_)) || rows >= found->chain_from.at(size_t(gpu_)));
  if (!known)
    refuse("a product",
           "[" + std::to_string(rows) + ", " + std::to_string(depth) + "] by [" + std::to_string(columns) + ", " +
               std::to_string(depth) + "]^T",
           "known are those of Qwen3-0.6B and the tiny models, up to 512 rows");
  const bool split = rows <= found->split_up_to.at(size_t(gpu_));
  return int(split ? depth / 2 : depth);
}

LaneOrder TorchOrders::scores(const AttentionShape& shape) const {
  if (is_chain(shape)) return {};
  const KnownAttention& known = known_attention(shape);
  if (shape.keys >= known.even_scores_chain_from && shape.keys % 2 == 0) return {};
  return order_at(known.scores, shape.keys);
}

LaneOrder TorchOrders::context(const AttentionShape& shape) const {
  return is_chain(shape) ? LaneOrder{} : order_at(known_attention(shape).context, shape.keys);
}

void TorchOrders::require_softmax(int64_t keys) const {
  if (keys > kMostKeys) refuse("softmax", std::to_string(keys) + " keys", "known are rows up to 1024");
}

HopperGpu hopper_gpu(std::string_view numerics) {
  return numerics == "torch/sm90-h100" ? HopperGpu::h100 : HopperGpu::h200;
}

}  // namespace plumbline
