// SPDX-License-Identifier: Apache-2.0
// Memory that nobody wrote is a NaN, and writes past the end are found.
#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include <plumbline/error.h>

#include "cuda/common/memory.h"
#include "cuda/twin/stacks.h"
#include "support/catch.h"
#include "tests/kernel/twin/test_kernels.h"
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

using namespace plumbline::twin;
using namespace plumbline::twin::testing;

namespace {

bool is_nan_both_ways(uint32_t word) {
  float as_f32;
  std::memcpy(&as_f32, &word, sizeof word);
  const auto is_bf16_nan = [](uint32_t half) { return (half & 0x7FFFu) > 0x7F80u; };
  return std::isnan(as_f32) && is_bf16_nan(word & 0xFFFFu) && is_bf16_nan(word >> 16);
}

}  // namespace

TEST_CASE("shared memory that nobody wrote reads as NaN, in every launch") {
  for (int i = 0; i < 2; ++i) {  // the kernel leaves zeros behind: the second launch must not see them
    uint32_t out[2] = {};
    read_unwritten_shared(out);
    CHECK(is_nan_both_ways(out[0]));
    CHECK(is_nan_both_ways(out[1]));
  }
}

TEST_CASE("a new buffer reads as NaN, and can be poisoned with another pattern") {
  DeviceBuffer buffer(10, "odd");
  uint16_t halves[5];
  buffer.copy_to_host(std::as_writable_bytes(std::span(halves)));
  for (const uint16_t half : halves) CHECK(half == uint16_t(kPoisonA));
  buffer.poison(kPoisonB);
  buffer.copy_to_host(std::as_writable_bytes(std::span(halves)));
  for (const uint16_t half : halves) CHECK(half == uint16_t(kPoisonB));
  CHECK(is_nan_both_ways(kPoisonA));
  CHECK(is_nan_both_ways(kPoisonB));
  buffer.check_fences();
}

#if defined(__SANITIZE_ADDRESS__)
TEST_CASE("where a finished fiber's stack was, the address sanitizer forbids nothing") {
  std::span<std::byte> stack;
  {
    StackPool pool;
    stack = pool.stack(0);
    __asan_poison_memory_region(stack.data(), stack.size());  // as the red zones of a thread that left for good
  }
  CHECK(__asan_region_is_poisoned(stack.data(), stack.size()) == nullptr);
}
#endif

#if !defined(__SANITIZE_ADDRESS__)  // which ends the program at the line of the write
TEST_CASE("a write past the dynamic shared memory is found") {
  float out = 0.0f;
  write_past_dynamic_shared(&out, 63);
  CHECK(out == 1.0f);
  CHECK_THROWS_WITH(write_past_dynamic_shared(&out, 64),
                    Catch::Contains("kernel 'write dynamic' writes outside its dynamic shared memory") &&
                        Catch::Contains("0 bytes past the end of 256 bytes"));
}
#endif

TEST_CASE("a write outside a buffer is found by its fences") {
  struct Case {
    int64_t index;
    const char* says;
  };
  const auto c = GENERATE(
      values<Case>({{16, "0 bytes past its end"}, {20, "16 bytes past its end"}, {-1, "1 bytes before its start"}}));
  DeviceBuffer buffer(16 * sizeof(float), "weights");
  write_at(buffer.as<float>(), 15);
  buffer.check_fences();
  write_at(buffer.as<float>(), c.index);
  CHECK_THROWS_WITH(buffer.check_fences(), Catch::Contains("buffer 'weights'") && Catch::Contains(c.says));
}

TEST_CASE("copies outside a buffer are refused") {
  DeviceBuffer buffer(8, "small");
  std::byte bytes[9] = {};
  CHECK_THROWS_AS(buffer.copy_from_host(bytes), plumbline::BackendError);
  CHECK_THROWS_AS(buffer.copy_to_host(std::span(bytes).first(8), 1), plumbline::BackendError);
  DeviceBuffer moved = std::move(buffer);
  moved.copy_from_host(std::span(bytes).first(8));
  CHECK(moved.bytes() == 8);
  CHECK(buffer.empty());
  DeviceBuffer(0, "none").check_fences();
}
