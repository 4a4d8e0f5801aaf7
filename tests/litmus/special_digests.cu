// SPDX-License-Identifier: Apache-2.0
// Invariant: special_digests.h. Nothing here for the twin, whose fibers would take hours: the CPU's test loops by
// itself. NUMERICS CONTRACT: exactly the function named.
#include "tests/litmus/special_digests.h"

#include <span>

#include "cuda/common/arithmetic.h"
#include "cuda/common/launch.h"
#include "cuda/common/memory.h"

#if defined(__CUDACC__)

namespace plumbline::cuda::litmus {
namespace {

using plumbline::litmus::kBlockInputs;
using plumbline::litmus::kDigestBlocks;
using plumbline::litmus::SpecialFunction;

constexpr int kThreads = 256, kBlocksPerDigest = 64;

__device__ float apply(SpecialFunction function, float x) {
  switch (function) {
    case SpecialFunction::rsqrt: return special_rsqrt(x);
    case SpecialFunction::ex2: return special_ex2(x);
    case SpecialFunction::exp: return expf(x);
    case SpecialFunction::cos: return cosf(x);
    case SpecialFunction::sin: return sinf(x);
  }
  return 0.0f;
}

template <class Body>
__device__ void for_each_input(const Body& body) {
  const uint32_t first = blockIdx.y * kBlockInputs, stride = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < kBlockInputs; i += stride) body(first + i);
}

__global__ void digest_kernel(SpecialFunction function, unsigned long long* digests) {
  unsigned long long sum = 0;
  for_each_input([&](uint32_t input) {
    sum += plumbline::litmus::mixed(input, __float_as_uint(apply(function, __uint_as_float(input))));
  });
  atomicAdd(digests + blockIdx.y, sum);
}

__global__ void model_kernel(SpecialFunction function, const SpecialPiece* pieces, unsigned long long* unlike) {
  unsigned long long count = 0;
  for_each_input([&](uint32_t input) {
    const uint32_t modelled =
        function == SpecialFunction::rsqrt ? modelled_rsqrt(input, pieces) : modelled_ex2(input, pieces);
    count += modelled != __float_as_uint(apply(function, __uint_as_float(input)));
  });
  atomicAdd(unlike, count);
}

const LaunchShape kShape{dim3(kBlocksPerDigest, kDigestBlocks), dim3(kThreads), 0};

DeviceBuffer zeros(size_t bytes) {
  DeviceBuffer buffer(bytes, "digests");
  buffer.poison(0);
  return buffer;
}

}  // namespace

std::vector<uint64_t> special_digests(SpecialFunction function) {
  std::vector<uint64_t> digests(kDigestBlocks);
  DeviceBuffer sums = zeros(digests.size() * sizeof(uint64_t));
  launch("special digests", kShape, nullptr, digest_kernel, function, sums.as<unsigned long long>());
  sums.copy_to_host(std::as_writable_bytes(std::span(digests)));
  return digests;
}

uint64_t count_unlike_model(SpecialFunction function) {
  const std::span<const SpecialPiece> table =
      function == SpecialFunction::rsqrt ? std::span<const SpecialPiece>(kRsqrtPieces) : kEx2Pieces;
  DeviceBuffer pieces(table.size_bytes(), "pieces"), count = zeros(sizeof(uint64_t));
  pieces.copy_from_host(std::as_bytes(table));
  launch("special model", kShape, nullptr, model_kernel, function, pieces.as<SpecialPiece>(),
         count.as<unsigned long long>());
  uint64_t unlike = 0;
  count.copy_to_host(std::as_writable_bytes(std::span(&unlike, 1)));
  return unlike;
}

}  // namespace plumbline::cuda::litmus

#endif
