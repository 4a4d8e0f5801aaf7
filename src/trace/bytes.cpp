// SPDX-License-Identifier: Apache-2.0
#include "trace/bytes.h"

#include <cstring>

namespace plumbline::trace {

std::string_view ByteReader::take(uint64_t bytes) {
  if (bytes > data_.size()) throw ByteError("record ends too early");
  const std::string_view taken = data_.substr(0, bytes);
  data_.remove_prefix(bytes);
  return taken;
}

uint64_t ByteReader::u64() {
  uint64_t value = 0;
  std::memcpy(&value, take(sizeof value).data(), sizeof value);
  return value;
}

std::string ByteReader::text() { return std::string(take(u64())); }

uint64_t ByteReader::count(uint64_t element_bytes) {
  const uint64_t value = u64();
  if (value > data_.size() / element_bytes) throw ByteError("list is longer than its record");
  return value;
}

}  // namespace plumbline::trace
