// SPDX-License-Identifier: Apache-2.0
// Right implementations of every kind of op, in f32 and in several legal orders: what the oracle's bounds are held
// against. Invariant: shares no code with the oracle; rounds where the contract says so and nowhere else.
#pragma once
#include <cstdint>
#include <vector>

#include "oracle/oracle.h"
#include "trial/sums.h"

namespace plumbline::trial {

struct Case {
  Op op;
  OpInputs in;
  DType model = DType::bf16;
  int64_t parts = 4;  ///< of Order::bf16_parts; block of Order::online
};

/// The op's results before their output rounding, as f32, rounding points inside the op included; of a norm also n32,
/// which is x * rstd before the weight; of a linear in Order::bf16_parts also its parts before they are rounded.
std::vector<std::vector<float>> run(const Case& c, const Contract& contract, Order order);

/// One rounding to the format.
float rounded(DType dtype, float value);

}  // namespace plumbline::trial
