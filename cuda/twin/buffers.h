// SPDX-License-Identifier: Apache-2.0
// Which device memory exists on the twin, so that a pointer among a kernel's arguments can be told to lie in it.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace plumbline::twin {

struct KnownBuffer {
  std::span<std::byte> bytes;
  std::string name;
};

void register_buffer(const KnownBuffer& buffer);
void forget_buffer(const std::byte* start);
/// The buffer that holds the byte at `address`, if any.
std::optional<KnownBuffer> find_buffer(const void* address);

}  // namespace plumbline::twin
