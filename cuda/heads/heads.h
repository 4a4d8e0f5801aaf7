// SPDX-License-Identifier: Apache-2.0
// From projections to heads in one launch: the norm of each query and key head, rotary position embedding, and keys and
// values into the cache. Invariant: writes all of q, the step's rows of both caches and every wanted tap.
// Left to others: the cos/sin table (pipeline/rope_table), attention. Contract: heads_kernel.cuh.
#pragma once
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/norm.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// What happens to the heads of one projection.
struct HeadRole {
  const bf16* x;            ///< [tokens, heads, head_dim]; null: x32 instead
  const bf16* norm_weight;  ///< [head_dim]; null: no norm
  const bf16* cos;          ///< [tokens, rotated]; null: no rotation
  const bf16* sin;          ///< [tokens, rotated]; null: no rotation
  bf16* y;                  ///< element [head, token, c] at head * head_stride + token * token_stride + c
  int64_t head_stride;
  int64_t token_stride;
  int heads;
  float eps;
  NormRounding rounding;         ///< two or one
  bool interleaved;              ///< pairs are (2i, 2i+1), else (i, i + head_dim / 2)
  const float* x32 = nullptr;    ///< instead of x, where a norm reads it: a projection that was not rounded to bf16
  const float* cos32 = nullptr;  ///< both instead of cos and sin: products and sum stay f32, rounded once
  const float* sin32 = nullptr;
  float weight_offset = 0.0f;  ///< of the norm (rmsnorm/norm.h)
};

struct HeadsArgs {
  HeadRole roles[3];  ///< query, key, value
  int tokens;
  int head_dim;
  int rotated = 0;  ///< channels of a head that turn, the first ones, and columns of cos and sin; 0: head_dim
  Arithmetic arithmetic = Arithmetic::portable;
  /// In device memory, for one token: where it stands. Then cos and sin have a row for every position, and the y of key
  /// and value is that of position 0.
  const int* position = nullptr;
};

/// Slots of role r from r * kCount: the norm's (NormTap; [tokens, heads, head_dim] and [tokens, heads]), then bf16
/// [heads, tokens, head_dim]: the heads before rotation, R(x cos), R(rot(x) sin) ([heads, tokens, rotated]; f32 and not
/// rounded with cos32), and what is stored in y.
struct HeadsTap {
  static constexpr int kHeads = NormTap::kCount, kCos = kHeads + 1, kRotSin = kHeads + 2, kRotated = kHeads + 3,
                       kCount = kHeads + 4;
};
static_assert(3 * HeadsTap::kCount <= kMaxTapSlots, "one RecordTap holds the slots of all three roles");

/// No tokens: nothing happens. Throws BackendError for a null pointer, extents below 1, an odd number of channels that
/// rotate or more than a head has, a norm that keeps f32, f32 heads without a norm, a position for several tokens, or a
/// block that is not whole warps.
void heads(const HeadsArgs& args, const RecordTap* taps, int block_threads, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
