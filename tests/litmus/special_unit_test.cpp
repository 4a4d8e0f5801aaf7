// SPDX-License-Identifier: Apache-2.0
// The CPU gives the bits that the GPU's special-function unit, expf, cosf and sinf gave for all 2^32 inputs. Every 61st
// block of 2^23 inputs here; all of them with PLUMBLINE_ALL_INPUTS=1, which scripts/check_gpu_records.sh --all sets.
#include <bit>
#include <cstdlib>

#include "cuda/common/arithmetic.h"
#include "cuda/pipeline/torch_functions.h"
#include "support/catch.h"
#include "tests/litmus/recorded_digests.h"

using namespace plumbline;
using litmus::SpecialFunction;

namespace {

uint32_t result_of(SpecialFunction function, uint32_t bits) {
  const auto x = std::bit_cast<float>(bits);
  switch (function) {
    case SpecialFunction::rsqrt: return std::bit_cast<uint32_t>(twin::special_rsqrt(x));
    case SpecialFunction::ex2: return std::bit_cast<uint32_t>(twin::special_ex2(x));
    case SpecialFunction::exp: return std::bit_cast<uint32_t>(twin::exp_sm90(x));
    case SpecialFunction::cos: return std::bit_cast<uint32_t>(cuda_cos(x));
    case SpecialFunction::sin: return std::bit_cast<uint32_t>(cuda_sin(x));
  }
  return 0;
}

uint64_t block_digest(SpecialFunction function, int block) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < litmus::kBlockInputs; ++i) {
    const uint32_t input = uint32_t(block) * litmus::kBlockInputs + i;
    sum += litmus::mixed(input, result_of(function, input));
  }
  return sum;
}

}  // namespace

TEST_CASE("special functions: the recorded bits of an H200, block by block") {
  const int step = std::getenv("PLUMBLINE_ALL_INPUTS") != nullptr ? 1 : 61;
  for (const SpecialFunction function : litmus::kSpecialFunctions) {
    CAPTURE(litmus::name_of(function));
    const std::vector<uint64_t> recorded = litmus::recorded_digests(function);
    REQUIRE(recorded.size() == size_t(litmus::kDigestBlocks));
    for (int block = 5; block < litmus::kDigestBlocks + (step == 1 ? 5 : 0); block += step) {
      const int at = block % litmus::kDigestBlocks;
      CAPTURE(at);
      CHECK(block_digest(function, at) == recorded.at(size_t(at)));
    }
  }
}

TEST_CASE("special functions: where a model is easily wrong by one") {
  const auto bits = [](float x) { return std::bit_cast<uint32_t>(x); };
  CHECK(twin::modelled_rsqrt(bits(4.0f), kRsqrtPieces) == bits(0.5f));
  CHECK(twin::modelled_rsqrt(bits(0x1p-149f), kRsqrtPieces) == 0x64B504F2u);  // correctly rounded: ...F3
  CHECK(twin::modelled_rsqrt(0x80000000u, kRsqrtPieces) == 0xFF800000u);
  CHECK(twin::modelled_rsqrt(0x80000001u, kRsqrtPieces) == 0x7FFFFFFFu);
  CHECK(twin::modelled_ex2(bits(-126.0f), kEx2Pieces) == 0x00800000u);
  CHECK(twin::modelled_ex2(bits(-126.5f), kEx2Pieces) == 0);
  CHECK(twin::modelled_ex2(bits(128.0f), kEx2Pieces) == 0x7F800000u);
  CHECK(twin::modelled_ex2(0x80000000u, kEx2Pieces) == bits(1.0f));
  CHECK(bits(cuda_sin(-0.0f)) == 0x80000000u);
}
