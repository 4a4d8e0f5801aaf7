// SPDX-License-Identifier: Apache-2.0
// Writes GGUF files for tests, sound ones of a model's tensors and unsound ones of any counts, offsets and values.
// Independent of the reader in src/model: a mistake mirrored in both could not be seen.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/raw_safetensors.h"

namespace plumbline::test {

/// Numbers of types, as in ggml.h.
enum RawGgmlType : uint32_t { kF32 = 0, kF16 = 1, kQ4_0 = 2, kQ4_1 = 3, kQ5_1 = 7, kQ8_0 = 8, kQ6_K = 14, kBF16 = 30 };

struct RawGgufTensor {
  std::string name;
  uint32_t type = kF32;
  std::vector<uint64_t> shape;  ///< innermost first, as in the file
  std::string bytes;
  std::optional<uint64_t> offset = {};  ///< instead of the next aligned one
};

struct RawGguf {
  uint32_t version = 3;
  uint64_t alignment = 32;
  std::vector<std::pair<std::string, std::string>> pairs;  ///< key, type and value encoded
  std::vector<RawGgufTensor> tensors;
  std::optional<uint64_t> declared_pairs = {}, declared_tensors = {};

  /// The value in place, or the pair at the end.
  void set(const std::string& key, const std::string& value);
  void drop(const std::string& key);
  RawGgufTensor& tensor(const std::string& name);
};

std::string gguf_bytes(const RawGguf& file);

/// Little endian bytes of any number.
template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
/// Length and bytes.
std::string raw_text(const std::string& text);
// Values: the number of their type, then what they hold.
std::string gguf_u32(uint32_t value);
std::string gguf_f32(float value);
std::string gguf_bool(bool value);
std::string gguf_text(const std::string& text);
std::string gguf_list(uint32_t element, uint64_t count, const std::string& encoded);
std::string gguf_texts(const std::vector<std::string>& texts);

/// A Llama as llama.cpp's converter writes it: rows of q and k moved, norms in F32, matrices as they are stored, rope
/// factors for llama3 scaling, and a byte-level vocabulary (one id per byte, 256 the end, the rest unused).
RawGguf gguf_of_llama(const nlohmann::json& config, const std::vector<RawTensor>& tensors);

}  // namespace plumbline::test
