// SPDX-License-Identifier: Apache-2.0
// Attention by the eager contract in one launch, of one query in two: scores, scale, causal mask, softmax and the
// weighted sum of values, with every rounding that the separate ops have. Invariant: writes all of masked, probs, y and
// every wanted tap; any number of keys. Left to others: filling the caches (heads), the output projection (linear).
// Contract: attention_kernel.cuh.
#pragma once
#include "cuda/common/arithmetic.h"
#include "cuda/common/bf16.h"
#include "cuda/common/lane_order.h"
#include "cuda/common/launch.h"
#include "cuda/common/tap.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct AttentionArgs {
  const bf16* q;        ///< [heads, tokens, head_dim]
  const bf16* k_cache;  ///< [keys, kv_heads, head_dim]
  const bf16* v_cache;  ///< [keys, kv_heads, head_dim]
  bf16* masked;         ///< [heads, tokens, keys]: the scores as softmax reads them
  bf16* probs;          ///< [heads, tokens, keys]
  bf16* y;              ///< [tokens, heads, head_dim]
  int heads;
  int kv_heads;
  int tokens;
  int keys;
  int head_dim;
  int first_position;  ///< of token 0: token t may see keys up to first_position + t + mask_offset
  int mask_offset;
  int64_t mask_window = 0;  ///< not 0: token t sees no key up to first_position + t - mask_window
  float scale;
  bool modulo_keys;    ///< head h reads the keys of head h % kv_heads, else of h / (heads / kv_heads)
  bool modulo_values;  ///< the same for the values
  float amount = 0;    ///< of a defect (cuda/faults) that has one
  Arithmetic arithmetic = Arithmetic::portable;
  float score_cap = 0.0f;  ///< soft cap of the scaled scores; 0: none
  LaneOrder scores = {};   ///< of q k^T; lanes need one token
  LaneOrder context = {};  ///< of p v; the same
  // Of one token's keys and values only the newest row may be written by launches of the same step: older ones are read
  // before the launches ahead have ended.
  /// In device memory, for one token: where it stands. Then `keys` is only the most there can be, and the orders are
  /// those at index position + 1 of these tables (null: chains).
  const int* position = nullptr;
  const LaneOrder* scores_by_keys = nullptr;
  const LaneOrder* context_by_keys = nullptr;
};

/// kRaw, kScaled, and with score_cap kQuotient, kTanh, kCapped: bf16 [heads, tokens, keys]; kProbs32: f32, same;
/// kContext: bf16 [heads, tokens, head_dim].
struct AttentionTap {
  static constexpr int kRaw = 0, kScaled = 1, kProbs32 = 2, kContext = 3, kQuotient = 4, kTanh = 5, kCapped = 6,
                       kCount = 7;
};

/// No tokens: nothing happens. Throws BackendError for a null pointer, extents below 1, heads that are no multiple of
/// kv_heads, lanes for more than one token, a position with more than one or with more keys than shared memory holds,
/// or a block that is not whole warps.
void attention(const AttentionArgs& args, const RecordTap* taps, int block_threads, Stream stream);

/// Whether AttentionArgs::position may be given for up to `keys` keys.
bool attention_takes_position(int head_dim, int keys);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
