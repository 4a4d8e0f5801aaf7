// SPDX-License-Identifier: Apache-2.0
// Rule: a warp's sum is the binary tree with distances 16, 8, 4, 2, 1, the same bits in every lane since addition
// commutes; a block adds the warps' sums from warp 0 upwards. Source: our choice (the tree is PyTorch's too).
#include <bit>
#include <random>

#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"

using plumbline::litmus::Words;
using plumbline::twin::litmus::block_sums;
using plumbline::twin::litmus::warp_sums;

namespace {

float tree(const uint32_t* words) {
  float lanes[32];
  for (int i = 0; i < 32; ++i) lanes[i] = std::bit_cast<float>(words[i]);
  for (int distance = 16; distance > 0; distance /= 2) {
    for (int i = 0; i < distance; ++i) lanes[i] += lanes[i + distance];
  }
  return lanes[0];
}

Words random_floats(size_t count) {
  std::mt19937 random(7);
  Words words(count);
  for (auto& w : words) w = uint32_t((random() & 0x807FFFFFu) | (107u + random() % 40u) << 23);
  return words;
}

}  // namespace

TEST_CASE("2^24 + 1 + 1 shows the tree: neighbours meet last") {
  // Lane 0: 2^24, lanes 1 and 2: 1. Tree: lane 0 takes lane 2's 1 at distance 2 (2^24 + 1 ties to 2^24), then lane 1's
  // 1 (lane 1 has its own only): 2^24. Lanes 1 and 17: they meet first, as 2, and 2^24 + 2 is exact.
  Words apart(32, 0), together(32, 0);
  apart[0] = together[0] = std::bit_cast<uint32_t>(0x1p24f);
  apart[1] = apart[2] = together[1] = together[17] = std::bit_cast<uint32_t>(1.0f);
  CHECK(std::bit_cast<float>(warp_sums(apart)[0]) == 0x1p24f);
  CHECK(std::bit_cast<float>(warp_sums(together)[0]) == 0x1p24f + 2);
}

TEST_CASE("every lane of every warp ends with the tree's bits") {
  const Words in = random_floats(64 * 32), out = warp_sums(in);
  for (size_t i = 0; i < in.size(); ++i) REQUIRE(out[i] == std::bit_cast<uint32_t>(tree(&in[i / 32 * 32])));
}

TEST_CASE("a block's sum adds its warps in ascending order, in every thread") {
  const Words in = random_floats(16 * 256), out = block_sums(in);
  for (size_t block = 0; block < 16; ++block) {
    float sum = tree(&in[block * 256]);
    for (size_t warp = 1; warp < 8; ++warp) sum += tree(&in[block * 256 + warp * 32]);
    for (size_t i = 0; i < 256; ++i) REQUIRE(out[block * 256 + i] == std::bit_cast<uint32_t>(sum));
  }
}
