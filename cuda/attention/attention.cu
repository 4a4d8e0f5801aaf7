// SPDX-License-Identifier: Apache-2.0
// Host side of attention, without defect: which kernel takes how many queries, which moves no bit. Invariant:
// attention.h. Device code: attention_kernel.cuh, attention_row.cuh.
#include "cuda/attention/attention.h"

#include <algorithm>

#include "cuda/attention/attention_launch.cuh"
#include "cuda/attention/attention_row.cuh"
#include "cuda/gemm/slab_plan.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

#if defined(__CUDACC__)
constexpr int kLeastThreads = 256;  // of a block of several queries: with 128 a prompt of 512 tokens takes 15 % longer
#else
constexpr int kLeastThreads = 32;
#endif

bool fits_lanes(const LaneOrder& order, int head_dim) {
  return order.lanes == 0 || head_dim % (order.lanes * order.vector) == 0;
}

bool takes_row(const AttentionArgs& args) {
  return args.tokens == 1 && attention_takes_position(args.head_dim, args.keys) &&
         fits_lanes(args.scores, args.head_dim) && is_aligned(args.q) && is_aligned(args.k_cache) &&
         is_aligned(args.v_cache);
}

template <Arithmetic kArithmetic>
void start_row(const AttentionArgs& args, const RecordTap* taps, Stream stream) {
  const auto heads = unsigned(args.heads);
  const LaunchShape scores{dim3(blocks_for(args.keys, kKeysOfBlock), heads), dim3(kScoreThreads),
                           score_memory_bytes(args.head_dim), true};
  const LaunchShape context{dim3(blocks_for(args.head_dim, kContextChannels), heads), dim3(kContextThreads),
                            row_memory_bytes(args.keys), true};
  with_tap<AttentionTap::kCount>(taps, [&](auto tap) {
    const bool extras = args.score_cap != 0.0f || args.mask_window != 0;
    const auto kernel = extras ? row_scores_kernel<true, decltype(tap)> : row_scores_kernel<false, decltype(tap)>;
    launch("attention (scores of one query)", scores, stream, kernel, args, tap);
    const auto context_kernel = args.keys > kMostStagedKeys ? row_context_kernel<kArithmetic, true, decltype(tap)>
                                                            : row_context_kernel<kArithmetic, false, decltype(tap)>;
    launch("attention (context of one query)", context, stream, context_kernel, args, tap);
  });
}

}  // namespace

bool attention_takes_position(int head_dim, int keys) {
  return head_dim % kStepDepth == 0 && head_dim <= kMostRowHeadDim && row_memory_bytes(keys) <= kMostSharedBytes;
}

void attention(const AttentionArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (!check_attention(args, block_threads)) return;
  const bool row = takes_row(args);
  if (args.position != nullptr && !row)
    throw BackendError("launch of 'attention': a position in device memory needs one token, whose scores fit",
                       {"tokens  " + std::to_string(args.tokens), "keys    " + std::to_string(args.keys)},
                       "take the step without a graph");
  with_arithmetic(args.arithmetic, [&](auto arithmetic) {
    if (row) return start_row<arithmetic.value>(args, taps, stream);
    start_attention<Defect::none, arithmetic.value>(args, taps, std::max(block_threads, kLeastThreads), stream);
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
