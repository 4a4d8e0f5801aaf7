// SPDX-License-Identifier: Apache-2.0
// Arrays in device memory for kernel tests (on the twin), and random contents. Invariant: values() has checked the
// fences; the same seed gives the same numbers on every machine.
#pragma once
#include <bit>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/random.h"
#include "cuda/common/bf16.h"
#include "cuda/common/memory.h"
#include "cuda/common/tap.h"
#include "support/catch.h"

namespace plumbline::test {

template <class T>
class Array {
 public:
  /// Poisoned: reading it before a kernel wrote it shows.
  explicit Array(size_t count) : buffer_(count * sizeof(T), "test array") {}
  explicit Array(const std::vector<T>& values) : Array(values.size()) {
    buffer_.copy_from_host(std::as_bytes(std::span(values)));
  }
  T* data() { return buffer_.as<T>(); }
  const T* data() const { return buffer_.as<T>(); }
  std::vector<T> values() const {
    buffer_.check_fences();
    std::vector<T> host(buffer_.bytes() / sizeof(T));
    buffer_.copy_to_host(std::as_writable_bytes(std::span(host)));
    return host;
  }

 private:
  twin::DeviceBuffer buffer_;
};

inline uint32_t bits_of(twin::bf16 value) { return value.bits; }
inline uint32_t bits_of(float value) { return std::bit_cast<uint32_t>(value); }
inline bool is_nan(twin::bf16 value) { return (value.bits & 0x7FFF) > 0x7F80; }
inline bool is_nan(float value) { return std::isnan(value); }
/// The 16- or 32-bit pattern that fresh memory holds.
inline bool is_poison(twin::bf16 value) { return value.bits == (twin::kPoisonA & 0xFFFF); }
inline bool is_poison(float value) { return bits_of(value) == twin::kPoisonA; }

/// Fails with the first index that differs, and both values. Poison on either side is a difference.
template <class T>
void require_same_bits(const std::vector<T>& expected, const std::vector<T>& actual, const std::string& what) {
  REQUIRE(expected.size() == actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    if (bits_of(expected[i]) == bits_of(actual[i]) && !is_poison(actual[i])) continue;
    FAIL(what << ": element " << i << " of " << expected.size() << ", expected bits " << std::hex
              << bits_of(expected[i]) << ", actual " << bits_of(actual[i]) << std::dec);
  }
}

/// Arrays of nearly normal numbers.
class Random {
 public:
  explicit Random(uint64_t seed) : random_(seed) {}
  uint64_t next() { return random_.next(); }
  float normal() { return float(random_.normal()); }
  std::vector<twin::bf16> bf16s(size_t count, float scale = 1.0f) {
    std::vector<twin::bf16> values(count);
    for (twin::bf16& value : values) value = twin::to_bf16(normal() * scale);
    return values;
  }
  std::vector<float> floats(size_t count, float scale = 1.0f) {
    std::vector<float> values(count);
    for (float& value : values) value = normal() * scale;
    return values;
  }

 private:
  SplitMix64 random_;
};

}  // namespace plumbline::test
