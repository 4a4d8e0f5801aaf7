// SPDX-License-Identifier: Apache-2.0
// Poison is found wherever a whole word of it stands, and in no other tensor of the launch.
#include "cuda/poison/poison.h"

#include <cstring>
#include <vector>

#include <plumbline/error.h>

#include "support/catch.h"

namespace plumbline::test {
namespace {

using twin::DeviceBuffer;
using twin::PoisonArgs;

constexpr int64_t kBytes[] = {0, 2, 4, 6, 16, 18, 20, 4096, 32 * 1024, 32 * 1024 + 12, 3000002};

/// What a launch over tensors of all these sizes says, with the word at byte `at` of tensor `which` poisoned.
std::vector<uint32_t> found(int which, int64_t at) {
  PoisonArgs args{};
  std::vector<DeviceBuffer> buffers;
  std::vector<uint32_t> said(std::size(kBytes), 0);
  const DeviceBuffer nothing(16);
  for (size_t i = 0; i < std::size(kBytes); ++i) {
    std::vector<std::byte> values(size_t(kBytes[i]), std::byte{0x7F});
    DeviceBuffer& buffer = buffers.emplace_back(values.size(), "values");
    const uint32_t word = twin::kPoisonA;
    if (int(i) == which) std::memcpy(values.data() + at, &word, sizeof word);
    buffer.copy_from_host(values);
    args.values[i] = buffer.empty() ? nothing.as<std::byte>() : buffer.as<std::byte>();
    args.bytes[i] = kBytes[i];
    args.found[i] = &said[i];
  }
  args.count = int(std::size(kBytes));
  twin::look_for_poison(args, {});
  return said;
}

}  // namespace

TEST_CASE("poison is found in the tensor that holds it", "[kernel]") {
  const std::vector<uint32_t> none(std::size(kBytes), 0);
  CHECK(found(-1, 0) == none);
  for (int i = 0; i < int(std::size(kBytes)); ++i) {
    const int64_t last = kBytes[i] / 4 * 4 - 4;
    for (const int64_t at : {int64_t{0}, last / 8 * 4, last}) {
      if (last < 0) continue;
      INFO("byte " << at << " of " << kBytes[i]);
      std::vector<uint32_t> expected = none;
      expected[size_t(i)] = 1;
      CHECK(found(i, at) == expected);
      if (at + 6 <= kBytes[i]) CHECK(found(i, at + 2) == none);  // over two words: of neither the whole
    }
  }
}

TEST_CASE("more tensors than a launch takes, or no pointer, are refused", "[kernel]") {
  PoisonArgs args{};
  CHECK_NOTHROW(twin::look_for_poison(args, {}));
  args.count = 1;
  CHECK_THROWS_AS(twin::look_for_poison(args, {}), BackendError);
  args.count = PoisonArgs::kMost + 1;
  CHECK_THROWS_AS(twin::look_for_poison(args, {}), BackendError);
}

}  // namespace plumbline::test
