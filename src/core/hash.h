// SPDX-License-Identifier: Apache-2.0
// XXH3 digests as lower-case hex. Not cryptographic: they tell whether two byte strings are the same, not who made
// them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace plumbline {

uint64_t xxh3_64(std::span<const std::byte> bytes);
std::string xxh3_64_hex(std::span<const std::byte> bytes);   ///< 16 digits
std::string xxh3_128_hex(std::span<const std::byte> bytes);  ///< 32 digits
/// The same digest, of much at once: `advanced` is told how many bytes more are done, every few MiB.
std::string xxh3_128_hex(std::span<const std::byte> bytes, const std::function<void(size_t)>& advanced);

}  // namespace plumbline
