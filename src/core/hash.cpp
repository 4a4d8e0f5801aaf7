// SPDX-License-Identifier: Apache-2.0
#include "core/hash.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <new>

namespace plumbline {
namespace {

constexpr size_t kPiece = size_t{8} << 20;

std::string hex(const XXH128_hash_t& hash) { return fmt::format("{:016x}{:016x}", hash.high64, hash.low64); }

}  // namespace

uint64_t xxh3_64(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string xxh3_64_hex(std::span<const std::byte> bytes) { return fmt::format("{:016x}", xxh3_64(bytes)); }

std::string xxh3_128_hex(std::span<const std::byte> bytes) { return hex(XXH3_128bits(bytes.data(), bytes.size())); }

std::string xxh3_128_hex(std::span<const std::byte> bytes, const std::function<void(size_t)>& advanced) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
  if (state == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), kPiece);
    XXH3_128bits_update(state.get(), bytes.data(), size);
    advanced(size);
    bytes = bytes.subspan(size);
  }
  return hex(XXH3_128bits_digest(state.get()));
}

}  // namespace plumbline
