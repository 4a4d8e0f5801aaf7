// SPDX-License-Identifier: Apache-2.0
// Invariant: kv_cache.h.
#include "cuda/pipeline/kv_cache.h"

#include <algorithm>
#include <vector>

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

constexpr int64_t kFirstCapacity = 64;

void copy_bytes(const DeviceBuffer& source, DeviceBuffer& target, size_t bytes) {
  std::vector<std::byte> host(bytes);
  source.copy_to_host(host);
  target.copy_from_host(host);
}

}  // namespace

void KvCache::clear() {
  values_.clear();
  length_ = 0;
  ++generation_;
}

void KvCache::grow(DeviceValue& held, const std::string& path, int64_t heads, int64_t head_dim, int64_t needed) {
  const size_t row_bytes = size_t(heads * head_dim) * element_bytes(DType::bf16);
  const int64_t before = held.buffer == nullptr ? kFirstCapacity : 2 * held.extent(2);
  DeviceValue grown = DeviceValue::allocate(path, DType::bf16, {1, heads, std::max(before, needed), head_dim});
  if (held.buffer != nullptr && length_ > 0) copy_bytes(*held.buffer, *grown.buffer, size_t(length_) * row_bytes);
  held = std::move(grown);
  ++generation_;
}

void KvCache::reserve(int64_t tokens) {
  for (auto& [path, held] : values_) {
    if (held.extent(2) < length_ + tokens) grow(held, path, held.extent(1), held.extent(3), length_ + tokens);
  }
}

DeviceValue KvCache::extend(const std::string& path, int64_t heads, int64_t head_dim, int64_t tokens) {
  const int64_t needed = length_ + tokens;
  DeviceValue& held = values_[path];
  if (held.buffer == nullptr || held.extent(2) < needed) grow(held, path, heads, head_dim, needed);
  DeviceValue value = held;
  value.shape = {1, heads, needed, head_dim};
  value.by_token = true;
  return value;
}

Tensor KvCache::rows(const std::string& path, int64_t first, int64_t count) const {
  const DeviceValue& held = values_.at(path);
  Tensor rows(held.dtype, {count, held.extent(1), held.extent(3)});
  const size_t row_bytes = rows.byte_size() / size_t(count);
  held.buffer->copy_to_host({rows.mutable_data(), rows.byte_size()}, size_t(first) * row_bytes);
  return rows;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
