// SPDX-License-Identifier: Apache-2.0
// Rounding contracts as data: what an op rounds, when and to what, and how it accumulates; and the error bounds that
// follow from such a declaration. Invariant: every figure here is derived (formulas beside it), never tuned to a test.
// Leaves the evaluation of an op to src/oracle.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include <plumbline/op_graph.h>

namespace plumbline {

/// Where a value lies once it is made. `exact`: not rounded at all (copied, or never stored); `f32`: rounded to f32 in
/// an order that the contract leaves free (the range of f32 holds, its error is bounded); `model`: rounded once to the
/// model's format T.
enum class Grid : uint8_t { exact, f32, model };

/// How a sum of products is accumulated. All keep f32 partial sums.
enum class Accumulator : uint8_t {
  none,         ///< the op sums nothing
  f32_chain,    ///< one term after the other (FMA or not)
  f32_tree,     ///< lanes that each add n/32 terms, then a binary tree
  tensor_core,  ///< steps of 16 terms, aligned and truncated (mma.sync m16n8k16 bf16 on sm_90)
  scalar_any,   ///< any order of IEEE f32 additions
  any           ///< any of the above: the largest of their bounds
};

struct Stage {
  std::string_view name;  ///< "n"; "out" is the op's result; the others are names of inner taps, without the op's path
  Grid grid = Grid::model;
};

struct Contract {
  std::string_view name;      ///< "rmsnorm/llama"
  std::vector<OpKind> kinds;  ///< the kinds of op it can stand for
  std::vector<Stage> stages;  ///< in the order in which they are computed
  Accumulator accumulator = Accumulator::none;
  std::string_view source;   ///< whose behaviour it is
  std::string_view summary;  ///< one sentence for reports

  /// Grid of the stage; throws InputError if the contract has no such stage.
  Grid grid(std::string_view stage) const;
  bool has_stage(std::string_view stage) const;
  bool covers(OpKind kind) const;
};

/// Every contract, in a fixed order.
const std::vector<Contract>& all_contracts();
/// Throws InputError with near-misses if the name is unknown.
const Contract& find_contract(std::string_view name);
/// Contracts that can stand for an op of that kind; empty for none.
std::vector<const Contract*> contracts_for(OpKind kind);

/// Unit roundoff of f32 (2^-24): one rounding to nearest moves a value by at most this share of it.
inline constexpr double kUnitF32 = 0x1p-24;
/// Smallest positive f32: what a rounding into the subnormal range can lose besides.
inline constexpr double kTinyF32 = 0x1p-149;
/// Smallest normal f32: where subnormal numbers are flushed, one operation can lose as much.
inline constexpr double kNormalF32 = 0x1p-126;

/// Whether an implementation may take subnormal operands, products and partial sums for zero: x86's bf16 dot product
/// (vdpbf16ps) does, whatever the control register says.
bool flushes_subnormals(Accumulator accumulator);
/// Largest |computed - exact| of a sum of n terms, as a multiple of the sum of their magnitudes.
double accumulation_bound(Accumulator accumulator, int64_t n);
/// Expected size of that error, in two parts: error ~ walk * (typical partial sum) with (typical partial sum) =
/// hypot(|sum| / sqrt(3), sum of magnitudes / sqrt(n)).
double accumulation_walk(Accumulator accumulator, int64_t n);
/// The expected size for a sum with that value and that sum of magnitudes.
double expected_accumulation_error(Accumulator accumulator, int64_t n, double sum, double magnitudes);

/// Functions that no standard rounds correctly.
enum class Function : uint8_t { exp, rsqrt, sin, cos, pow, tanh };
/// Largest error of an f32 implementation in units of the last place of its result (CUDA's table; CPU libraries do
/// better).
double function_ulps(Function function);
/// Typical size of that error, same unit.
double function_typical_ulps(Function function);

}  // namespace plumbline
