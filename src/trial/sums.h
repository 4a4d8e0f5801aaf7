// SPDX-License-Identifier: Apache-2.0
// f32 sums in every order that a right implementation may take. Invariant: shares no code with the oracle.
#pragma once
#include <cstdint>
#include <vector>

namespace plumbline::trial {

/// How sums are accumulated, and with it how far the functions are off (each order takes another error within 2 ulps).
enum class Order : uint8_t {
  chain,
  fused_chain,
  reversed,
  lanes,    ///< 32 strided lanes, then five halvings
  blocked,  ///< blocks of 64 terms
  tensor_core,
  pairwise,
  split_tensor_core,  ///< four parts, each through the tensor core, f32 partial sums
  flushing,           ///< a chain that takes subnormal operands, products and sums for zero
  bf16_parts,         ///< parts rounded to bf16: only where that is declared
  online              ///< softmax in one pass: only where that is declared
};
/// Those that `Accumulator::any` allows.
inline constexpr Order kOrders[] = {Order::chain,    Order::fused_chain,       Order::reversed,
                                    Order::lanes,    Order::blocked,           Order::tensor_core,
                                    Order::pairwise, Order::split_tensor_core, Order::flushing};

float sum_in_order(Order order, const std::vector<float>& terms);
/// Sum of products; products are exact in f32 (bf16 operands) or, in orders without fusing, rounded. `parts`: of
/// Order::bf16_parts.
float dot_in_order(Order order, const std::vector<float>& a, const std::vector<float>& b, int64_t parts = 1);
/// The sums of Order::bf16_parts before they are rounded and added: tensor cores over contiguous parts of equal length,
/// 0 where a part is empty.
std::vector<float> sums_of_parts(const std::vector<float>& a, const std::vector<float>& b, int64_t parts);

}  // namespace plumbline::trial
