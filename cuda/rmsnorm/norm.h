// SPDX-License-Identifier: Apache-2.0
// What the host says about a norm, alone or inside a fused kernel: input, rounding contract, tap slots. No device code.
// Invariant: one meaning for all kernels with a norm inside. Contracts: norm_row.cuh.
#pragma once
#include <string>
#include <type_traits>

#include <plumbline/error.h>

#include "cuda/common/arithmetic.h"
#include "cuda/common/bf16.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kMaxMeanLanes = 256;

/// Where the normalised value is rounded: before and after the weight (llama), after it (olmo, gemma), nowhere (f32).
enum class NormRounding : int { two, one, none };

/// What a product behind an f32 norm makes of its operands: nothing, TF32 (cut), f16 (rounded). See operand.cuh.
enum class Operands : int { as_given, tf32, f16 };

/// The norm in front of a product.
struct NormInput {
  const bf16* x;       ///< [rows, columns]
  const bf16* weight;  ///< [columns]
  int rows;
  int columns;
  float eps;
  Arithmetic arithmetic = Arithmetic::portable;
  int mean_lanes = 32;     ///< that share the mean: a power of two, 32 to kMaxMeanLanes
  bf16* normed = nullptr;  ///< [rows, columns] to work with: many rows are normed there first, by a launch of their own
  float weight_offset = 0.0f;  ///< added to the weight in f32 (gemma: 1), unless it is 0; NormRounding::one only
};

/// Throws BackendError for an offset that a norm of this rounding does not add.
inline void require_offset(const std::string& op, float offset, NormRounding rounding) {
  if (offset == 0.0f || rounding == NormRounding::one) return;
  throw BackendError("launch of '" + op + "': an offset of the norm's weight needs NormRounding::one",
                     {"offset  " + std::to_string(offset)}, "leave it 0, or round once as rmsnorm/gemma does");
}

/// Tap slots of a norm, counted from the kernel's first norm slot. var, rstd: f32 [rows]; x32, n32: f32 [rows,
/// columns]; n: bf16 [rows, columns], under NormRounding::two only; out: the norm's output where it never leaves the
/// kernel (bf16, f32 under NormRounding::none).
struct NormTap {
  static constexpr int kX32 = 0, kVar = 1, kRstd = 2, kN32 = 3, kN = 4, kOut = 5, kCount = 6;
};

/// Calls `body` with std::integral_constant<NormRounding, ...>: turns the value into a template argument, on the host.
template <class Body>
void with_rounding(NormRounding rounding, const Body& body) {
  switch (rounding) {
    case NormRounding::two: return body(std::integral_constant<NormRounding, NormRounding::two>{});
    case NormRounding::one: return body(std::integral_constant<NormRounding, NormRounding::one>{});
    case NormRounding::none: return body(std::integral_constant<NormRounding, NormRounding::none>{});
  }
}

/// The same for operands.
template <class Body>
void with_operands(Operands operands, const Body& body) {
  switch (operands) {
    case Operands::as_given: return body(std::integral_constant<Operands, Operands::as_given>{});
    case Operands::tf32: return body(std::integral_constant<Operands, Operands::tf32>{});
    case Operands::f16: return body(std::integral_constant<Operands, Operands::f16>{});
  }
}

/// The format in which a norm's output is held and staged.
template <NormRounding kRounding>
using NormOutput = std::conditional_t<kRounding == NormRounding::none, float, bf16>;

}  // namespace plumbline::PLUMBLINE_BUILD_NS
