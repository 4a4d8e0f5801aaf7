// SPDX-License-Identifier: Apache-2.0
// What a contract makes of the operands of a product before it. Invariant: monotone, so the image of an interval lies
// between the images of its ends.
#pragma once
#include "oracle/oracle.h"

namespace plumbline {

/// Whether the product takes its operands otherwise than as they are.
bool changes_operands(const Contract& contract);
/// Replaces the values by what the contract's product takes (linear/tf32: f32 without its lower 13 bits; linear/f16:
/// nearest f16; others: as they are), and `bounds`, unless empty, by what their uncertainty becomes.
void take_operands(const Contract& contract, Array& values, Array& bounds);

}  // namespace plumbline
