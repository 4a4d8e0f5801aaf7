// SPDX-License-Identifier: Apache-2.0
// linear for few rows: gemm/slab.cuh with linear's epilogue. NUMERICS CONTRACT: linear_kernel.cuh, nothing added.
#pragma once
#include "cuda/gemm/slab.cuh"
#include "cuda/linear/linear_kernel.cuh"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Where a lane's sums go, and what is added to them there.
template <int kEights>
class OwnResiduals {
 public:
  /// `columns`: of the slab, those from column0 on that y has.
  __device__ __forceinline__ OwnResiduals(const LinearArgs& args, int column0, int columns)
      : args_(args), column0_(column0), columns_(columns) {
#pragma unroll
    for (int place = 0; place < kPlaces; ++place) index_[place][0] = index_[place][1] = kNowhere;
  }
  __device__ __forceinline__ void locate(int tile, int group, int row, int place) {
#pragma unroll
    for (int high = 0; high < 2; ++high) {
      const int column = tile * kSlabColumns + group + high * 8;
      if (column < columns_) index_[place][high] = int64_t(row) * args_.columns + column0_ + column;
    }
  }
  __device__ __forceinline__ void load() {
#pragma unroll
    for (int i = 0; i < 2 * kPlaces; ++i) {
      const int64_t index =
          index_[i / 2][i % 2];  // of nowhere, the first one: loads without a branch are all on their way
      residual_[i / 2][i % 2] = residual_value(args_.residual, index == kNowhere ? 0 : index);
    }
  }
  template <class Tap>
  __device__ __forceinline__ void put(int place, int high, int column, float sum, const Tap& tap) const {
    const int64_t index = index_[place][high];
    if (index == kNowhere) return;
    store_product(sum, args_.bias, args_.residual != nullptr, residual_[place][high], args_.y, index, column0_ + column,
                  tap);
  }

 private:
  static constexpr int kPlaces = 2 * kEights;
  static constexpr int64_t kNowhere = -1;
  const LinearArgs& args_;
  const int column0_, columns_;
  int64_t index_[kPlaces][2];
  bf16 residual_[kPlaces][2] = {};
};

template <int kEights, class Tap>
__global__ void __launch_bounds__(kSlabThreads) linear_slab_kernel(LinearArgs args, SlabPlan plan, Tap tap) {
  const int column0 = int(blockIdx.x) * plan.columns;
  OwnResiduals<kEights> own(args, column0, min(plan.columns, args.columns - column0));
  slab_product<kEights, kSlabThreads / 32>(
      plan, [&](int e) { return slab_eight(args.weight, args.depth, column0 + e * 8, args.columns); }, [] {}, own,
      [&](const SlabMemory& slab) { copy_rows(plan, static_cast<const bf16*>(args.x), slab.x); },
      [&](int tile, int group, int, float low, float high, int place) {
        const int column = tile * kSlabColumns + group;
        own.put(place, 0, column, low, tap);
        own.put(place, 1, column + 8, high, tap);
      });
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
