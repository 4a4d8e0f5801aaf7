// SPDX-License-Identifier: Apache-2.0
// Checks, grid and launch of attention for any defect. Invariant: attention.h. attention.cu instantiates it without
// one, cuda/faults/ with one.
#pragma once
#include "cuda/attention/attention_kernel.cuh"
#include "cuda/common/require.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline void check_lanes(const AttentionArgs& args, const LaneOrder& order) {
  const bool power = order.lanes > 0 && (order.lanes & (order.lanes - 1)) == 0;
  if (order.lanes == 0 || (power && order.lanes <= kMaxSumLanes && order.vector > 0 && args.tokens == 1)) return;
  throw BackendError("launch of 'attention': no sum has this order",
                     {"lanes   " + std::to_string(order.lanes), "vector  " + std::to_string(order.vector),
                      "tokens  " + std::to_string(args.tokens)},
                     "lanes are a power of two up to " + std::to_string(kMaxSumLanes) + ", and for one token only");
}

/// False if there is nothing to do. Throws BackendError as attention.h says.
inline bool check_attention(const AttentionArgs& args, int block_threads) {
  if (args.tokens == 0) return false;
  require_positive("attention", {{"heads", args.heads},
                                 {"kv_heads", args.kv_heads},
                                 {"tokens", args.tokens},
                                 {"keys", args.keys},
                                 {"head_dim", args.head_dim}});
  require_pointers("attention", {{"q", args.q},
                                 {"k_cache", args.k_cache},
                                 {"v_cache", args.v_cache},
                                 {"masked", args.masked},
                                 {"probs", args.probs},
                                 {"y", args.y}});
  require_block("attention", block_threads);
  if (args.heads % args.kv_heads != 0) {
    throw BackendError("launch of 'attention': query heads must share key-value heads evenly",
                       {"heads     " + std::to_string(args.heads), "kv_heads  " + std::to_string(args.kv_heads)},
                       "check num_attention_heads and num_key_value_heads in the model's config.json");
  }
  check_lanes(args, args.scores);
  check_lanes(args, args.context);
  return true;
}

template <Defect kDefect, Arithmetic kArithmetic = Arithmetic::portable>
void start_attention(const AttentionArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (!check_attention(args, block_threads)) return;
  const LaunchShape shape{dim3(blocks_for(args.tokens, kTileRows), unsigned(args.heads)), dim3(unsigned(block_threads)),
                          tile_bytes<bf16>(block_threads, 1)};
  const auto start = [&](auto tap) {
    launch("attention", shape, stream, attention_kernel<decltype(tap), kDefect, kArithmetic>, args, tap);
  };
  with_tap<AttentionTap::kCount>(taps, start);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
