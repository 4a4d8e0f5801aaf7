// SPDX-License-Identifier: Apache-2.0
// Checks, grid and launch of heads for any defect. Invariant: heads.h. heads.cu instantiates it without one,
// cuda/faults/ with one.
#pragma once
#include <algorithm>

#include "cuda/common/require.h"
#include "cuda/heads/heads_kernel.cuh"
#include "cuda/heads/heads_quads.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline void check_role(const HeadRole& role, int rotated, int head_dim) {
  require_positive("heads", {{"heads", role.heads}});
  require_pointers("heads", {{"x", role.x != nullptr ? static_cast<const void*>(role.x) : role.x32}, {"y", role.y}});
  if (role.x == nullptr && role.norm_weight == nullptr) {
    throw BackendError("launch of 'heads': f32 heads without a norm", {"nothing would round them to bf16"},
                       "give the projection contract linear/f32acc");
  }
  if (role.norm_weight != nullptr && role.rounding == NormRounding::none) {
    throw BackendError("launch of 'heads': a norm per head cannot keep f32", {"rope reads bf16 heads"},
                       "give the norm contract rmsnorm/llama or rmsnorm/olmo");
  }
  if (role.norm_weight != nullptr) require_offset("heads", role.weight_offset, role.rounding);
  if (role.cos32 != nullptr || role.sin32 != nullptr) {
    require_pointers("heads", {{"cos32", role.cos32}, {"sin32", role.sin32}});
  } else if (role.cos != nullptr || role.sin != nullptr) {
    require_pointers("heads", {{"cos", role.cos}, {"sin", role.sin}});
  } else {
    return;
  }
  if (rotated % 2 == 0 && rotated > 0 && rotated <= head_dim) return;
  throw BackendError("launch of 'heads': rotation needs an even number of channels, no more than a head has",
                     {"rotated   " + std::to_string(rotated), "head_dim  " + std::to_string(head_dim)},
                     "check head_dim and partial_rotary_factor in the model's config.json");
}

inline constexpr int64_t kFewHeads = 128;  ///< about one a multiprocessor

/// Whether the kernel for quads does.
inline bool takes_quads(const HeadsArgs& args) {
  const bool whole = args.rotated == 0 || args.rotated == args.head_dim;
  const auto fits = [](const HeadRole& role) {
    const bool aligned = is_aligned(role.x) && is_aligned(role.norm_weight) && is_aligned(role.cos) &&
                         is_aligned(role.sin) && is_aligned(role.y) && role.head_stride % 4 == 0 &&
                         role.token_stride % 4 == 0;
    return role.x != nullptr && role.cos32 == nullptr && !role.interleaved && aligned;
  };
  return whole && args.head_dim % 8 == 0 && args.head_dim <= kMostQuadChannels && std::ranges::all_of(args.roles, fits);
}

/// Few heads take a block each: their taps are a dozen stores an element, which wait for each other in one
/// multiprocessor (20 us a decode step of the 0.6B shape, capture_speed).
inline int heads_warps(int64_t units, int block_threads) { return units <= kFewHeads ? 1 : block_threads / 32; }

template <Defect kDefect, int kRole, Arithmetic kArithmetic = Arithmetic::portable>
void start_heads(const HeadsArgs& args, const RecordTap* taps, int block_threads, Stream stream) {
  if (args.tokens == 0) return;
  require_positive("heads", {{"tokens", args.tokens}, {"head_dim", args.head_dim}});
  require_block("heads", block_threads);
  if (args.position != nullptr && args.tokens != 1)
    throw BackendError("launch of 'heads': a position in device memory is that of one token",
                       {"tokens  " + std::to_string(args.tokens)}, "take the step without a graph");
  int64_t units = 0;
  for (const HeadRole& role : args.roles) {
    check_role(role, args.rotated != 0 ? args.rotated : args.head_dim, args.head_dim);
    units += int64_t(args.tokens) * role.heads;
  }
  const int warps = heads_warps(units, block_threads);
  const LaunchShape shape{dim3(blocks_for(units, warps)), dim3(unsigned(warps) * 32),
                          size_t(warps) * size_t(args.head_dim) * sizeof(bf16), true};
  const bool quads = kDefect == Defect::none && takes_quads(args);
  with_tap<3 * HeadsTap::kCount>(taps, [&](auto tap) {
    const auto any = heads_kernel<decltype(tap), kDefect, kRole, kArithmetic>,
               of_quads = heads_quads_kernel<kArithmetic, decltype(tap)>;
    launch("heads", shape, stream, quads ? of_quads : any, args, tap);
  });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
