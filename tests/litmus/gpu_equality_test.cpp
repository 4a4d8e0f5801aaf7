// SPDX-License-Identifier: Apache-2.0
// The twin's claim itself: the same source gives the same bits on a GPU of sm_90. Runs where a GPU is; elsewhere it
// says so. One program holds both builds.
#include <cstdio>
#include <random>

#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"
#include "tests/litmus/random_mma.h"
#include "tests/litmus/recorded_digests.h"

namespace cuda_build = plumbline::cuda::litmus;
namespace twin_build = plumbline::twin::litmus;
using plumbline::litmus::Binary;
using plumbline::litmus::kMmaKinds;
using plumbline::litmus::Unary;
using plumbline::litmus::Words;

namespace {

bool skipped() {
  if (cuda_build::gpu_present()) return false;
  std::puts("no GPU here: nothing compared");
  return true;
}

size_t count_differing(const Words& expected, const Words& actual) {
  REQUIRE(expected.size() == actual.size());
  size_t differing = 0;
  for (size_t i = 0; i < expected.size(); ++i) differing += expected[i] != actual[i];
  return differing;
}

}  // namespace

TEST_CASE("functions of one float: GPU equals twin on a dense sweep of all bit patterns") {
  if (skipped()) return;
  Words in;
  for (uint64_t bits = 0; bits < 1ull << 32; bits += 97) in.push_back(uint32_t(bits));
  for (const Unary op : {Unary::exp, Unary::rsqrt, Unary::to_bf16, Unary::fma_fused}) {
    CAPTURE(int(op));
    CHECK(count_differing(cuda_build::unary(op, in), twin_build::unary(op, in)) == 0);
  }
}

TEST_CASE("arithmetic spelled with operators: GPU equals twin, but for the bits of a NaN") {
  if (skipped()) return;
  // The host's own operators keep a NaN's payload, which is why kernels spell their arithmetic with __fadd_rn and such.
  Words in;
  for (uint64_t bits = 0; bits < 1ull << 32; bits += 97) {
    if ((bits & 0x7FFFFFFFu) <= 0x7F800000u) in.push_back(uint32_t(bits));
  }
  CHECK(count_differing(cuda_build::unary(Unary::fma_apart, in), twin_build::unary(Unary::fma_apart, in)) == 0);
}

TEST_CASE("operations on two floats: GPU equals twin on random bit patterns, NaN and subnormal included") {
  if (skipped()) return;
  std::mt19937 random(11);
  Words a(1 << 22), b(1 << 22);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = uint32_t(random());
    // Every other one close to a, so that sums cancel.
    b[i] = i % 2 == 0 ? uint32_t(random()) : a[i] ^ 0x80000000u ^ uint32_t(random() % 1024);
  }
  for (const Binary op : {Binary::add, Binary::subtract, Binary::multiply, Binary::divide, Binary::max}) {
    CAPTURE(int(op));
    CHECK(count_differing(cuda_build::binary(op, a, b), twin_build::binary(op, a, b)) == 0);
  }
}

TEST_CASE("sums of warps and blocks: GPU equals twin") {
  if (skipped()) return;
  std::mt19937 random(12);
  Words in(1 << 16);
  for (auto& w : in) w = uint32_t((random() & 0x807FFFFFu) | (97u + random() % 60u) << 23);
  CHECK(count_differing(cuda_build::warp_sums(in), twin_build::warp_sums(in)) == 0);
  CHECK(count_differing(cuda_build::block_sums(in), twin_build::block_sums(in)) == 0);
}

TEST_CASE("tensor-core steps: GPU equals twin on every kind of input, chained too") {
  if (skipped()) return;
  for (const auto& kind : kMmaKinds) {
    for (const int depth : {16, 64}) {
      const auto in = random_mma(kind, 4096 * 16 / depth, depth, 99);
      const size_t differing = count_differing(cuda_build::mma(in), twin_build::mma(in));
      std::printf("mma, depth %d, %s: %zu of %zu differ\n", depth, kind.name, differing, in.c.size());
      CHECK(differing == 0);
    }
  }
}

TEST_CASE("special functions: the GPU gives the recorded digests, and the model every bit of the instruction") {
  if (skipped()) return;
  using plumbline::litmus::SpecialFunction;
  for (const SpecialFunction function : plumbline::litmus::kSpecialFunctions) {
    CAPTURE(plumbline::litmus::name_of(function));
    CHECK(cuda_build::special_digests(function) == plumbline::litmus::recorded_digests(function));
  }
  CHECK(cuda_build::count_unlike_model(SpecialFunction::rsqrt) == 0);
  CHECK(cuda_build::count_unlike_model(SpecialFunction::ex2) == 0);
}
