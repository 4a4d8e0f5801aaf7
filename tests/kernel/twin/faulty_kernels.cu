// SPDX-License-Identifier: Apache-2.0
// Kernels with one planted fault each. The tests look for the lines marked "line: NAME" in this file.
#include "cuda/common/reduce.h"
#include "tests/kernel/twin/test_kernels.h"

namespace plumbline::PLUMBLINE_BUILD_NS::testing {
namespace {

__global__ void exit_before_barrier_kernel(float* out) {
  if (threadIdx.x == 40) return;
  __syncthreads();  // line: exit_before_barrier
  out[threadIdx.x] = 1.0f;
}

__global__ void two_barriers_kernel(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();  // line: first_barrier
  } else {
    __syncthreads();  // line: second_barrier
  }
  out[threadIdx.x] = 1.0f;
}

__global__ void two_barriers_on_one_line_kernel(float* out) {
  // clang-format off
  if (threadIdx.x < 32) { __syncthreads(); } else { __syncthreads(); }  // line: both_barriers
  // clang-format on
  out[threadIdx.x] = 1.0f;
}

__global__ void barrier_against_shuffle_kernel(float* out) {
  float value = 1.0f;
  if (threadIdx.x % 32 == 7) {
    __syncthreads();  // line: barrier_of_one
  } else {
    value = __shfl_xor_sync(kFullWarp, value, 1);  // line: shuffle_of_others
  }
  out[threadIdx.x] = value;
}

__global__ void two_shuffles_kernel(float* out) {
  float value = 1.0f;
  if (threadIdx.x % 2 == 0) {
    value = __shfl_xor_sync(kFullWarp, value, 1);  // line: even_shuffle
  } else {
    value = __shfl_xor_sync(kFullWarp, value, 1);  // line: odd_shuffle
  }
  out[threadIdx.x] = value;
}

__global__ void exit_before_shuffle_kernel(float* out) {
  if (threadIdx.x == 5) return;
  out[threadIdx.x] = warp_sum(1.0f);  // line: sum_without_lane_5
}

__global__ void mask_without_caller_kernel(float* out) {
  out[threadIdx.x] = __shfl_xor_sync(0x0000FFFFu, 1.0f, 1);  // line: mask_without_caller
}

__global__ void source_outside_mask_kernel(float* out) {
  if (threadIdx.x < 16) {
    out[threadIdx.x] = __shfl_xor_sync(0x0000FFFFu, 1.0f, 16);  // line: source_outside_mask
  }
}

__global__ void read_after_write_kernel(float* out) {
  __shared__ float tile[128];
  const int thread = int(threadIdx.x);
  tile[thread] = float(thread);            // line: raw_write
  const float other = tile[127 - thread];  // line: raw_read
  out[blockIdx.x * 128 + threadIdx.x] = other;
}

__global__ void write_after_read_kernel(float* out) {
  __shared__ float tile[128];
  const int thread = int(threadIdx.x);
  tile[thread] = float(thread);
  __syncthreads();
  const float other = tile[(thread + 32) % 128];  // line: war_read
  tile[thread] = other + 1000.0f;                 // line: war_write
  __syncthreads();
  out[blockIdx.x * 128 + threadIdx.x] = tile[thread];
}

__global__ void read_unwritten_kernel(uint32_t* out) {
  __shared__ uint32_t tile[64];
  if (threadIdx.x == 0) {
    out[0] = tile[17];
    out[1] = dynamic_shared<uint32_t>()[5];
  }
  __syncthreads();
  tile[threadIdx.x] = 0;
  dynamic_shared<uint32_t>()[threadIdx.x] = 0;
}

__global__ void write_dynamic_kernel(float* out, int index) {
  dynamic_shared<float>()[index] = 1.0f;
  out[0] = dynamic_shared<float>()[index];
}

__global__ void write_at_kernel(float* out, int64_t index) { out[index] = 1.0f; }

__global__ void nothing_kernel() {}

LaunchShape one_block(unsigned threads, size_t shared_bytes = 0) { return {dim3(1), dim3(threads), shared_bytes}; }

}  // namespace

void diverge(Divergence kind, float* out) {
  switch (kind) {
    case Divergence::exit_before_barrier:
      return launch("early exit", one_block(64), nullptr, exit_before_barrier_kernel, out);
    case Divergence::two_barriers: return launch("two barriers", one_block(64), nullptr, two_barriers_kernel, out);
    case Divergence::barrier_against_shuffle:
      return launch("barrier and shuffle", one_block(64), nullptr, barrier_against_shuffle_kernel, out);
    case Divergence::two_shuffles: return launch("two shuffles", one_block(64), nullptr, two_shuffles_kernel, out);
    case Divergence::exit_before_shuffle:
      return launch("early exit", one_block(32), nullptr, exit_before_shuffle_kernel, out);
    case Divergence::mask_without_caller:
      return launch("narrow mask", one_block(32), nullptr, mask_without_caller_kernel, out);
    case Divergence::source_outside_mask:
      return launch("far source", one_block(32), nullptr, source_outside_mask_kernel, out);
    case Divergence::two_barriers_on_one_line:
      return launch("one line", one_block(64), nullptr, two_barriers_on_one_line_kernel, out);
  }
}

void read_after_write_race(float* out, int blocks) {
  launch("read after write", {dim3(unsigned(blocks)), dim3(128)}, nullptr, read_after_write_kernel, out);
}
void write_after_read_race(float* out, int blocks) {
  launch("write after read", {dim3(unsigned(blocks)), dim3(128)}, nullptr, write_after_read_kernel, out);
}
void read_unwritten_shared(uint32_t* out) {
  launch("read unwritten", one_block(64, 256), nullptr, read_unwritten_kernel, out);
}
void write_past_dynamic_shared(float* out, int index) {
  launch("write dynamic", one_block(1, 256), nullptr, write_dynamic_kernel, out, index);
}
void write_at(float* out, int64_t index) { launch("write at", one_block(1), nullptr, write_at_kernel, out, index); }
void launch_shape(dim3 grid, dim3 block, size_t shared_bytes) {
  launch("nothing", {grid, block, shared_bytes}, nullptr, nothing_kernel);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS::testing
