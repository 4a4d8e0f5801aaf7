// SPDX-License-Identifier: Apache-2.0
// Right implementations of every kind of op, in f32 and in several legal orders: what the oracle's bounds are held
// against. Invariant: shares no code with the oracle; rounds where the contract says so and nowhere else.
#pragma once
#include <cstdint>
#include <vector>

#include "oracle/oracle.h"

namespace plumbline::test {

/// How sums are accumulated, and with it how far the functions are off (each order takes another error within 2 ulps).
enum class Order : uint8_t { chain, fused_chain, reversed, lanes, blocked, tensor_core };
inline constexpr Order kOrders[] = {Order::chain, Order::fused_chain, Order::reversed,
                                    Order::lanes, Order::blocked,     Order::tensor_core};

float sum_in_order(Order order, const std::vector<float>& terms);
/// Sum of products; products are exact in f32 (bf16 operands) or, in orders without fusing, rounded.
float dot_in_order(Order order, const std::vector<float>& a, const std::vector<float>& b);

struct Case {
  Op op;
  OpInputs in;
  DType model = DType::bf16;
};

/// The op's results (not the inner taps) before their output rounding, as f32; rounding points inside the op included.
std::vector<std::vector<float>> run(const Case& c, const Contract& contract, Order order);

/// One rounding to the format.
float rounded(DType dtype, float value);

}  // namespace plumbline::test
