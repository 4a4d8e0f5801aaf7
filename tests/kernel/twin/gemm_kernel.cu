// SPDX-License-Identifier: Apache-2.0
// C[m][n] = sum over k of A[m][k] B[n][k], the plainest tensor-core GEMM: one warp computes a 16x8 tile straight from
// global memory. NUMERICS CONTRACT: bf16 in, f32 out; per element one chain of mma_m16n8k16 in ascending k from +0;
// elements past the edges are zero. checked: threads_test.cpp, tests/litmus/tensor_core_chain_test.cpp.
#include "cuda/common/mma.h"
#include "tests/kernel/twin/test_kernels.h"

namespace plumbline::PLUMBLINE_BUILD_NS::testing {
namespace {

constexpr int kWarps = 4;

__device__ __forceinline__ uint32_t load_pair(const uint16_t* matrix, int row, int rows, int k, int depth) {
  const uint32_t low = row < rows && k < depth ? matrix[int64_t(row) * depth + k] : 0u;
  const uint32_t high = row < rows && k + 1 < depth ? matrix[int64_t(row) * depth + k + 1] : 0u;
  return low | high << 16;
}

__global__ void __launch_bounds__(32 * kWarps)
    gemm_kernel(const uint16_t* __restrict__ a, const uint16_t* __restrict__ b, float* c, int m, int n, int k) {
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  const int group = lane / 4, pair = lane % 4 * 2;
  const int row = int(blockIdx.y) * 16 + group;
  const int column_base = (int(blockIdx.x) * kWarps + warp) * 8;
  float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (int step = 0; step < k; step += 16) {
    const uint32_t fragment_a[4] = {load_pair(a, row, m, step + pair, k), load_pair(a, row + 8, m, step + pair, k),
                                    load_pair(a, row, m, step + pair + 8, k),
                                    load_pair(a, row + 8, m, step + pair + 8, k)};
    const uint32_t fragment_b[2] = {load_pair(b, column_base + group, n, step + pair, k),
                                    load_pair(b, column_base + group, n, step + pair + 8, k)};
    mma_m16n8k16(sum, fragment_a, fragment_b, sum);
  }
  for (int i = 0; i < 4; ++i) {
    const int r = row + i / 2 * 8, column = column_base + pair + i % 2;
    if (r < m && column < n) c[int64_t(r) * n + column] = sum[i];
  }
}

}  // namespace

void gemm(const uint16_t* a, const uint16_t* b, float* c, int m, int n, int k) {
  launch("plain gemm", {dim3(blocks_for(n, 8 * kWarps), blocks_for(m, 16)), dim3(32 * kWarps)}, nullptr, gemm_kernel, a,
         b, c, m, n, k);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS::testing
