// SPDX-License-Identifier: Apache-2.0
// The kernels behind litmus_kernels.h. NUMERICS CONTRACT: exactly the operation named, nothing before or after.
#include "tests/litmus/litmus_kernels.h"

#include <algorithm>

#include "cuda/common/launch.h"
#include "cuda/common/math.h"
#include "cuda/common/memory.h"
#include "cuda/common/mma.h"
#include "cuda/common/reduce.h"

namespace plumbline::PLUMBLINE_BUILD_NS::litmus {
namespace {

using plumbline::litmus::Binary;
using plumbline::litmus::MmaInput;
using plumbline::litmus::Unary;
using plumbline::litmus::Words;
using plumbline::litmus::WordView;

constexpr int kThreads = 256;

// Spelled with operators on purpose: the compiler may not fuse them.
__device__ __forceinline__ float multiply_then_add(float x) {
  const float product = x * x;
  return product + 1.0f;
}

__device__ __forceinline__ uint32_t apply(Unary op, uint32_t bits) {
  const float x = __uint_as_float(bits);
  switch (op) {
    case Unary::exp: return __float_as_uint(exp_f32(x));
    case Unary::rsqrt: return __float_as_uint(rsqrt_f32(x));
    case Unary::to_bf16: return to_bf16(x).bits;
    case Unary::fma_apart: return __float_as_uint(multiply_then_add(x));
    case Unary::fma_fused: return __float_as_uint(__fmaf_rn(x, x, 1.0f));
  }
  return 0;
}

__global__ void unary_kernel(Unary op, const uint32_t* in, uint32_t* out, int64_t count) {
  const int64_t stride = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) out[i] = apply(op, in[i]);
}

__device__ __forceinline__ float apply(Binary op, float a, float b) {
  switch (op) {
    case Binary::add: return __fadd_rn(a, b);
    case Binary::subtract: return __fsub_rn(a, b);
    case Binary::multiply: return __fmul_rn(a, b);
    case Binary::divide: return __fdiv_rn(a, b);
    case Binary::max: return max_f32(a, b);
  }
  return 0.0f;
}

__global__ void binary_kernel(Binary op, const uint32_t* a, const uint32_t* b, uint32_t* out, int64_t count) {
  const int64_t stride = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
    out[i] = __float_as_uint(apply(op, __uint_as_float(a[i]), __uint_as_float(b[i])));
  }
}

__global__ void warp_sum_kernel(const float* in, float* out) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = warp_sum(in[i]);
}

__global__ void block_sum_kernel(const float* in, float* out) {
  __shared__ float partial[kThreads / 32];
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = block_sum<kThreads>(in[i], partial);
}

__device__ __forceinline__ uint32_t pair_at(const uint16_t* row, int k) {
  return uint32_t(row[k]) | uint32_t(row[k + 1]) << 16;
}

// One warp, one tile; a chain in ascending k.
__global__ void mma_kernel(const uint16_t* a, const uint16_t* b, const float* c, float* d, int depth) {
  const int lane = int(threadIdx.x), group = lane / 4, pair = lane % 4 * 2;
  const int64_t tile = blockIdx.x;
  a += tile * 16 * depth;
  b += tile * 8 * depth;
  float sum[4];
  for (int i = 0; i < 4; ++i) sum[i] = c[tile * 128 + (group + i / 2 * 8) * 8 + pair + i % 2];
  for (int k = pair; k < depth; k += 16) {
    const uint16_t *upper = a + group * depth, *lower = upper + 8 * depth, *column = b + group * depth;
    const uint32_t fragment_a[4] = {pair_at(upper, k), pair_at(lower, k), pair_at(upper, k + 8), pair_at(lower, k + 8)};
    const uint32_t fragment_b[2] = {pair_at(column, k), pair_at(column, k + 8)};
    mma_m16n8k16(sum, fragment_a, fragment_b, sum);
  }
  for (int i = 0; i < 4; ++i) d[tile * 128 + (group + i / 2 * 8) * 8 + pair + i % 2] = sum[i];
}

template <class T>
DeviceBuffer upload(std::span<const T> values, const char* name) {
  DeviceBuffer buffer(values.size_bytes(), name);
  buffer.copy_from_host(std::as_bytes(values));
  return buffer;
}

Words download(const DeviceBuffer& buffer) {
  Words words(buffer.bytes() / sizeof(uint32_t));
  buffer.copy_to_host(std::as_writable_bytes(std::span(words)));
  buffer.check_fences();
  return words;
}

// Few threads that each take many elements: a CUDA thread costs more than an element on the CPU.
LaunchShape shape_for(size_t count) {
  return {dim3(unsigned(std::min<size_t>((count + kThreads - 1) / kThreads, 128))), dim3(kThreads)};
}

}  // namespace

Words unary(Unary op, WordView in) {
  const DeviceBuffer input = upload(in, "in");
  DeviceBuffer output(in.size_bytes(), "out");
  launch("litmus unary", shape_for(in.size()), nullptr, unary_kernel, op, input.as<uint32_t>(), output.as<uint32_t>(),
         int64_t(in.size()));
  return download(output);
}

Words binary(Binary op, WordView a, WordView b) {
  const DeviceBuffer left = upload(a, "a"), right = upload(b, "b");
  DeviceBuffer output(a.size_bytes(), "out");
  launch("litmus binary", shape_for(a.size()), nullptr, binary_kernel, op, left.as<uint32_t>(), right.as<uint32_t>(),
         output.as<uint32_t>(), int64_t(a.size()));
  return download(output);
}

Words warp_sums(WordView in) {
  const DeviceBuffer input = upload(in, "in");
  DeviceBuffer output(in.size_bytes(), "out");
  launch("litmus warp sum", {dim3(unsigned(in.size() / 32)), dim3(32)}, nullptr, warp_sum_kernel, input.as<float>(),
         output.as<float>());
  return download(output);
}

Words block_sums(WordView in) {
  const DeviceBuffer input = upload(in, "in");
  DeviceBuffer output(in.size_bytes(), "out");
  launch("litmus block sum", {dim3(unsigned(in.size() / kThreads)), dim3(kThreads)}, nullptr, block_sum_kernel,
         input.as<float>(), output.as<float>());
  return download(output);
}

Words mma(const MmaInput& in) {
  const DeviceBuffer a = upload<uint16_t>(in.a, "a"), b = upload<uint16_t>(in.b, "b"), c = upload<uint32_t>(in.c, "c");
  DeviceBuffer d(in.c.size() * sizeof(float), "d");
  launch("litmus mma", {dim3(unsigned(in.tiles())), dim3(32)}, nullptr, mma_kernel, a.as<uint16_t>(), b.as<uint16_t>(),
         c.as<float>(), d.as<float>(), in.depth);
  return download(d);
}

bool gpu_present() {
#if defined(__CUDACC__)
  int devices = 0;
  cudaDeviceProp properties{};
  return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0 &&
         cudaGetDeviceProperties(&properties, 0) == cudaSuccess && properties.major >= 9;
#else
  return false;
#endif
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS::litmus
