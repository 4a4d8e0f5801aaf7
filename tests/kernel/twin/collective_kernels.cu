// SPDX-License-Identifier: Apache-2.0
// Sound small kernels: barrier, shuffles, votes, reductions, indices.
#include "cuda/common/reduce.h"
#include "tests/kernel/twin/test_kernels.h"

namespace plumbline::PLUMBLINE_BUILD_NS::testing {
namespace {

__global__ void reverse_kernel(const float* in, float* out) {
  __shared__ float tile[1024];
  const int thread = int(threadIdx.x), count = int(blockDim.x);
  const int base = int(blockIdx.x) * count;
  tile[thread] = in[base + thread];
  __syncthreads();
  out[base + thread] = tile[count - 1 - thread];
}

__global__ void shuffle_kernel(const float* in, float* out) {
  const int thread = int(threadIdx.x);
  const float value = in[thread];
  out[thread] = __shfl_sync(kFullWarp, value, 3);
  out[64 + thread] = __shfl_up_sync(kFullWarp, value, 1);
  out[128 + thread] = __shfl_down_sync(kFullWarp, value, 2);
  out[192 + thread] = __shfl_xor_sync(kFullWarp, value, 5);
  out[256 + thread] = __shfl_up_sync(kFullWarp, value, 1, 8);
  if (thread % 2 == 0) {
    out[320 + thread] = __shfl_xor_sync(0x55555555u, value, 2);
  } else {
    out[320 + thread] = value;
  }
}

__global__ void vote_kernel(uint32_t* out) {
  const int lane = int(threadIdx.x);
  const uint32_t odd = __ballot_sync(kFullWarp, lane % 2 != 0);
  const uint32_t any = uint32_t(__any_sync(kFullWarp, lane == 31));
  const uint32_t all = uint32_t(__all_sync(kFullWarp, lane < 31));
  const uint32_t half = lane < 16 ? __ballot_sync(0x0000FFFFu, lane < 4) : __ballot_sync(0xFFFF0000u, lane > 27);
  if (lane == 0) {
    out[0] = odd;
    out[1] = any;
    out[2] = all;
    out[3] = half;
  }
  if (lane == 16) out[4] = half;
}

__global__ void sum_and_max_kernel(const float* in, float* out) {
  __shared__ float partial[8];
  const float value = in[blockIdx.x * 256 + threadIdx.x];
  const float sum = block_sum<256>(value, partial);
  const float largest = block_max<256>(value, partial);
  // Every thread holds the result: the last one writes it.
  if (threadIdx.x == 255) {
    out[2 * blockIdx.x] = sum;
    out[2 * blockIdx.x + 1] = largest;
  }
}

__global__ void coordinates_kernel(uint32_t* out) {
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  out[block * threads + unsigned(flat_thread())] =
      blockIdx.z << 24 | blockIdx.y << 20 | blockIdx.x << 16 | threadIdx.z << 12 | threadIdx.y << 8 | threadIdx.x;
}

}  // namespace

void reverse_by_barrier(const float* in, float* out, int blocks, int threads) {
  launch("reverse", {dim3(unsigned(blocks)), dim3(unsigned(threads))}, nullptr, reverse_kernel, in, out);
}
void shuffle_every_way(const float* in, float* out) {
  launch("shuffles", {dim3(1), dim3(64)}, nullptr, shuffle_kernel, in, out);
}
void vote_every_way(uint32_t* out) { launch("votes", {dim3(1), dim3(32)}, nullptr, vote_kernel, out); }
void sum_and_max(const float* in, float* out, int blocks) {
  launch("sum and max", {dim3(unsigned(blocks)), dim3(256)}, nullptr, sum_and_max_kernel, in, out);
}
void thread_coordinates(uint32_t* out, dim3 grid, dim3 block) {
  launch("coordinates", {grid, block}, nullptr, coordinates_kernel, out);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS::testing
