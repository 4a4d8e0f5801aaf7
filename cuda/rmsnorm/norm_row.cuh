// SPDX-License-Identifier: Apache-2.0
// RMSNorm of one row, in pieces that every kernel with a norm inside shares: the statistic by one warp, then the
// elements. Invariant: a row's values depend on that row alone, not on how many rows there are or which warp takes it.
// Left to others: loading, storing and taps (the kernels).
// NUMERICS CONTRACT rmsnorm/llama, rmsnorm/olmo, rmsnorm/gemma, rmsnorm/f32 (roundings of one formula)
//   types    x bf16 or f32, w bf16; statistic and arithmetic f32; output bf16 (llama, olmo) or f32 (f32)
//   order    A1 lane l of `lanes` (32; under torch/sm90 up to 256) keeps four sums: of columns 4l, 4l+1, 4l+2, 4l+3,
//            each over the stride 4 lanes, ascending   A2 its four sums are added 0, 1, 2, 3
//            A3 tree over the lanes: the upper half is added to the lower until one is left
//   rounding R1 x * x   R2 every addition of A1 to A3   R3 times 1/columns (itself rounded to f32)   R4 + eps
//            R5 1 / sqrt, each rounded (torch/sm90: special_rsqrt/sm90)   R6 x * rstd   llama: R7 to bf16, R8 w * n, R9
//            to bf16   olmo: R8 w * (x * rstd), R9 to bf16   gemma: the same with 1 + w, rounded to f32, for w
//            f32: R8 only; all to nearest even
//   special  NaN in a row: the whole row NaN. A sum past f32's maximum: var Inf, rstd 0, so finite x give 0 and Inf
//   NaN.
//            A row of zeros with eps 0: rstd Inf, NaN
//   repeat   the same bits for any number of rows, any launch shape, every GPU from sm_80 (torch/sm90: sm_90) and the
//            twin
//   source   order: at::mean of LibTorch on CUDA (measured on H100 and H200): 32 lanes for 16 rows or more, more for
//            fewer (pipeline/torch_orders.h). R5: our choice, torch.rsqrt differs by an ulp in a fifth of the values.
//            llama: transformers Qwen3RMSNorm, LlamaRMSNorm; olmo: transformers Olmo2RMSNorm since its PR 38131, and
//            torch.nn.RMSNorm; gemma: transformers Gemma2RMSNorm, Gemma3RMSNorm; f32: kernels that keep the activations
//            in f32 up to the matmul
//   checked  tests/kernel/rmsnorm
#pragma once
#include <cstdint>

#include "cuda/common/arithmetic.h"
#include "cuda/common/bf16.h"
#include "cuda/common/defect.h"
#include "cuda/common/kernel.h"
#include "cuda/common/reduce.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct RowStatistic {
  float var;
  float rstd;
};

template <Defect kDefect>
inline constexpr bool kStatisticDefect =
    kDefect == Defect::sum_not_mean || kDefect == Defect::one_column_less || kDefect == Defect::no_root ||
    kDefect == Defect::eps_outside || kDefect == Defect::variance;

/// From the sum of squares and the plain total of a row.
template <Defect kDefect>
__device__ __forceinline__ RowStatistic wrong_statistic(float sum, float total, float columns, float eps) {
  if constexpr (kDefect == Defect::sum_not_mean) return {sum, rsqrt_f32(__fadd_rn(sum, eps))};
  const float var = __fdiv_rn(sum, kDefect == Defect::one_column_less ? __fsub_rn(columns, 1.0f) : columns);
  if constexpr (kDefect == Defect::no_root) return {var, __fdiv_rn(1.0f, __fadd_rn(var, eps))};
  if constexpr (kDefect == Defect::eps_outside) return {var, __fdiv_rn(1.0f, __fadd_rn(__fsqrt_rn(var), eps))};
  if constexpr (kDefect == Defect::variance) {
    const float mean = __fdiv_rn(total, columns), rest = __fsub_rn(var, __fmul_rn(mean, mean));
    return {rest, rsqrt_f32(__fadd_rn(rest, eps))};
  }
  return {var, rsqrt_f32(__fadd_rn(var, eps))};
}

/// The sum of squares that lane `lane` of `lanes` keeps.
template <Defect kDefect, class Value>
__device__ __forceinline__ float lane_squares(const Value* x, int columns, int lane, int lanes) {
  float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int c0 = lane * 4; c0 < columns; c0 += 4 * lanes) {
#pragma unroll
    for (int slot = 0; slot < 4; ++slot) {
      if (c0 + slot < columns) {
        const float value = to_f32(x[c0 + slot]);
        if constexpr (kDefect == Defect::magnitudes) {
          sums[slot] = __fadd_rn(sums[slot], __uint_as_float(__float_as_uint(value) & 0x7FFFFFFFu));
          continue;
        }
        sums[slot] = __fadd_rn(sums[slot], __fmul_rn(value, value));  // A1 R1 R2
      }
    }
  }
  return __fadd_rn(__fadd_rn(__fadd_rn(sums[0], sums[1]), sums[2]), sums[3]);  // A2 R2
}

/// The first steps of A3, down to one sum for each of the warp's own lanes: each of them plays lanes / 32.
template <Defect kDefect, class Value>
__device__ __forceinline__ float shared_squares(const Value* x, int columns, int lanes) {
  constexpr int kShares = kMaxMeanLanes / 32;
  float sums[kShares];
#pragma unroll
  for (int share = 0; share < kShares; ++share) {
    sums[share] = 0.0f;
    if (share * 32 < lanes) sums[share] = lane_squares<kDefect>(x, columns, int(threadIdx.x) % 32 + share * 32, lanes);
  }
#pragma unroll
  for (int half = kShares / 2; half > 0; half /= 2) {
#pragma unroll
    for (int share = 0; share < half; ++share) {
      if (half * 32 < lanes) sums[share] = __fadd_rn(sums[share], sums[share + half]);  // A3 R2
    }
  }
  return sums[0];
}

/// From the sum of a row's squares.
template <Arithmetic kArithmetic>
__device__ __forceinline__ RowStatistic statistic_of(float squares, int columns, float eps) {
  const float var = __fmul_rn(squares, __fdiv_rn(1.0f, float(columns)));  // R3
  return {var, rsqrt_of<kArithmetic>(__fadd_rn(var, eps))};               // R4 R5
}

/// Mean of squares and its reciprocal root, in every lane. All lanes of a warp call it; `columns` >= 1, `lanes` a power
/// of two, 32 to kMaxMeanLanes. Value: bf16 or float.
template <Defect kDefect = Defect::none, Arithmetic kArithmetic = Arithmetic::portable, class Value>
__device__ __forceinline__ RowStatistic row_statistic(const Value* x, int columns, int lanes,
                                                      float eps PLUMBLINE_WHERE_PARAM) {
  float lane_sum = shared_squares<kDefect>(x, columns, lanes);
  if constexpr (kDefect == Defect::lane_lost) {
    if (threadIdx.x % 32 == 1) lane_sum = 0.0f;
  }
  const float sum = warp_sum(lane_sum PLUMBLINE_WHERE_ARG);  // A3 R2
  if constexpr (kStatisticDefect<kDefect>) {
    float total = 0.0f;
    for (int c = 0; kDefect == Defect::variance && c < columns; ++c) total = __fadd_rn(total, to_f32(x[c]));
    return wrong_statistic<kDefect>(sum, total, float(columns), eps);
  }
  return statistic_of<kArithmetic>(sum, columns, eps);
}

/// One element at every point where a contract may round it.
struct NormedValue {
  float x32;    ///< exact
  float n32;    ///< x * rstd
  bf16 n;       ///< rounded; exists under `two` only
  float out32;  ///< times the weight, before the output rounding
};

/// What the normalised value is multiplied by. An offset goes with one rounding only (require_offset), so that the
/// others need not look.
template <NormRounding kRounding>
__device__ __forceinline__ float norm_factor(bf16 weight, float offset) {
  if constexpr (kRounding != NormRounding::one) return to_f32(weight);
  return offset == 0.0f ? to_f32(weight) : __fadd_rn(offset, to_f32(weight));
}

template <NormRounding kRounding, class Value>
__device__ __forceinline__ NormedValue normed_value(Value x, float rstd, float factor) {
  NormedValue value{};
  value.x32 = to_f32(x);
  value.n32 = __fmul_rn(value.x32, rstd);  // R6
  if constexpr (kRounding == NormRounding::two) {
    value.n = to_bf16(value.n32);                      // R7
    value.out32 = __fmul_rn(factor, to_f32(value.n));  // R8
  } else {
    value.out32 = __fmul_rn(factor, value.n32);  // R8
  }
  return value;
}

/// The element in the format of the output: bf16 by one rounding, or f32 as it is.
__device__ __forceinline__ void store_normed(bf16* y, float out32) { *y = to_bf16(out32); }  // R9
__device__ __forceinline__ void store_normed(float* y, float out32) { *y = out32; }

template <NormRounding kRounding, class Tap>
__device__ __forceinline__ void tap_normed(const Tap& tap, int first_slot, int64_t index, const NormedValue& value) {
  tap.store(first_slot + NormTap::kX32, index, value.x32);
  tap.store(first_slot + NormTap::kN32, index, value.n32);
  if constexpr (kRounding == NormRounding::two) tap.store(first_slot + NormTap::kN, index, value.n);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
