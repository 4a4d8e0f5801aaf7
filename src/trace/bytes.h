// SPDX-License-Identifier: Apache-2.0
// Flat little-endian encoding of numbers, texts and counted lists: the journal's records and the indexer child's reply.
// Invariant: a ByteReader never reads outside its bytes and never promises a list longer than the bytes could hold.
#pragma once
#include <bit>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace plumbline::trace {

static_assert(std::endian::native == std::endian::little, "traces are little endian and are mapped, not converted");

/// Bytes that do not hold what they should. Callers turn it into a TraceError that names the file.
struct ByteError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ByteWriter {
 public:
  void u8(uint8_t value) { data_.push_back(static_cast<char>(value)); }
  void u64(uint64_t value) { data_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void i64(int64_t value) { u64(static_cast<uint64_t>(value)); }
  void text(std::string_view value) {
    u64(value.size());
    data_.append(value);
  }
  const std::string& data() const { return data_; }

 private:
  std::string data_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view data) : data_(data) {}
  uint8_t u8() { return static_cast<uint8_t>(take(1)[0]); }
  uint64_t u64();
  int64_t i64() { return static_cast<int64_t>(u64()); }
  std::string text();
  /// A list length. Throws ByteError if so many elements of at least `element_bytes` cannot follow.
  uint64_t count(uint64_t element_bytes);
  bool done() const { return data_.empty(); }

 private:
  std::string_view take(uint64_t bytes);
  std::string_view data_;
};

}  // namespace plumbline::trace
