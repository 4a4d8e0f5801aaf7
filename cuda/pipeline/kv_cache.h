// SPDX-License-Identifier: Apache-2.0
// The keys and values of a sequence, in device memory, by token: [token, kv_head, channel], so that it grows at its
// end. Invariant: rows below length() are those of the steps so far; growing copies them bit for bit. Left to others:
// writing new rows (kernel heads).
#pragma once
#include <map>
#include <string>

#include "cuda/pipeline/device_value.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

class KvCache {
 public:
  int64_t length() const { return length_; }
  /// Rows that fit before it grows; 0 if there is no cache yet.
  int64_t capacity() const { return values_.empty() ? 0 : values_.begin()->second.extent(2); }
  /// Another number after every change of where the rows lie.
  int generation() const { return generation_; }
  /// Grows every cache so that `tokens` more rows fit.
  void reserve(int64_t tokens);
  /// Forgets everything.
  void clear();
  /// Room for `tokens` more rows of the cache `path` behind the length() it has: its value as the graph has it after
  /// this step, [1, heads, length() + tokens, head_dim], by_token.
  DeviceValue extend(const std::string& path, int64_t heads, int64_t head_dim, int64_t tokens);
  /// Counts the rows that all caches got in this step.
  void advance(int64_t tokens) { length_ += tokens; }
  /// Rows first ... first + count - 1 of the cache `path`, [count, heads, head_dim]. They must lie within its capacity.
  Tensor rows(const std::string& path, int64_t first, int64_t count) const;
  const std::map<std::string, DeviceValue>& values() const { return values_; }

 private:
  void grow(DeviceValue& held, const std::string& path, int64_t heads, int64_t head_dim, int64_t needed);

  std::map<std::string, DeviceValue> values_;  // each of its capacity, [1, heads, capacity, head_dim]
  int64_t length_ = 0;
  int generation_ = 0;
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
