// SPDX-License-Identifier: Apache-2.0
// Writes safetensors files for tests, sound ones from tensors and unsound ones from any header text.
// Independent of the reader in src/model: a mistake mirrored in both could not be seen.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline::test {

struct RawTensor {
  std::string name;
  std::string dtype;  ///< "BF16", as the format spells it
  std::vector<int64_t> shape;
  std::string bytes;  ///< row-major, little endian
};

/// Header in the order given, padded with blanks to a multiple of 8, then the data without gaps.
void write_safetensors(const std::filesystem::path& file, const std::vector<RawTensor>& tensors);
/// `header` and `data` as they are; the length field says `declared_length`, or the header's true length.
void write_safetensors_raw(const std::filesystem::path& file, std::string_view header, std::string_view data,
                           std::optional<uint64_t> declared_length = {});

}  // namespace plumbline::test
