// SPDX-License-Identifier: Apache-2.0
#include <plumbline/error.h>
#include <plumbline/tap.h>

#include "core/hash.h"
#include "support/catch.h"

using namespace plumbline;

TEST_CASE("globs match whole paths", "[core]") {
  struct Case {
    const char* glob;
    const char* path;
    bool matches;
  };
  const auto c = GENERATE(values<Case>({
      {"*", "layer.3.attn.q_rope", true},
      {"layer.3.*", "layer.3.attn.q_rope", true},
      {"layer.3.*", "layer.30.attn.q_rope", false},
      {"layer.?.attn.*_rope", "layer.3.attn.k_rope", true},
      {"layer.?.attn.*_rope", "layer.13.attn.k_rope", false},
      {"*.out", "layer.3.in_norm.out", true},
      {"*norm*out*x", "layer.3.in_norm.out", false},
      {"", "", true},
      {"", "a", false},
      {"logits", "logits", true},
  }));
  CAPTURE(c.glob, c.path);
  CHECK(glob_matches(c.glob, c.path) == c.matches);
}

TEST_CASE("near misses come best first and only if plausible", "[core]") {
  const std::vector<std::string> names = {"layer.3.attn.q_rope", "layer.3.attn.k_rope", "logits", "embed"};
  const auto near = near_misses("layer.3.attn.q_rop", names);
  REQUIRE_FALSE(near.empty());
  CHECK(near.front() == "layer.3.attn.q_rope");
  CHECK(near_misses("zzzzzzzz", names).empty());
}

TEST_CASE("an error message has summary, indented details and the way out", "[core]") {
  const ShapeError error("shapes differ at tap 'embed'", {"expected  [1, 2]", "actual    [2, 1]"},
                         "swap the axes where it is dumped");
  CHECK(std::string(error.what()) ==
        "shapes differ at tap 'embed'\n  expected  [1, 2]\n  actual    [2, 1]\n  swap the axes where it is dumped");
}

TEST_CASE("digests are those of XXH3", "[core]") {
  // Published test values of XXH3 for the empty input.
  CHECK(xxh3_64_hex({}) == "2d06800538d394c2");
  CHECK(xxh3_128_hex({}) == "99aa06d3014798d86001c324468d497f");
}

TEST_CASE("a digest taken piece by piece is that of the whole, and tells of every byte", "[core]") {
  constexpr size_t kPiece = size_t{8} << 20;
  std::vector<std::byte> bytes(2 * kPiece + 1);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i % 251);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{300}, kPiece, kPiece + 1, bytes.size()}) {
    INFO(size);
    const auto part = std::span<const std::byte>(bytes).first(size);
    size_t told = 0;
    CHECK(xxh3_128_hex(part, [&](size_t more) { told += more; }) == xxh3_128_hex(part));
    CHECK(told == size);
  }
}
