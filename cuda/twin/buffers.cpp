// SPDX-License-Identifier: Apache-2.0
#include "cuda/twin/buffers.h"

#include <cstdint>
#include <map>
#include <mutex>

namespace plumbline::twin {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<uintptr_t, KnownBuffer> by_start;
};

// Never destroyed: a buffer of static storage may outlive anything.
Registry& registry() {
  static Registry& all = *new Registry;
  return all;
}

}  // namespace

void register_buffer(const KnownBuffer& buffer) {
  const std::lock_guard lock(registry().mutex);
  registry().by_start[reinterpret_cast<uintptr_t>(buffer.bytes.data())] = buffer;
}

void forget_buffer(const std::byte* start) {
  const std::lock_guard lock(registry().mutex);
  registry().by_start.erase(reinterpret_cast<uintptr_t>(start));
}

std::optional<KnownBuffer> find_buffer(const void* address) {
  const std::lock_guard lock(registry().mutex);
  const auto& all = registry().by_start;
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  auto after = all.upper_bound(wanted);
  if (after == all.begin()) return std::nullopt;
  const KnownBuffer& candidate = std::prev(after)->second;
  if (wanted - std::prev(after)->first >= candidate.bytes.size()) return std::nullopt;
  return candidate;
}

}  // namespace plumbline::twin
