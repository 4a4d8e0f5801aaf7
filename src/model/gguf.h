// SPDX-License-Identifier: Apache-2.0
// The GGUF format, versions 2 and 3, little endian, read without trust: magic, version, counts, key/value pairs, tensor
// infos, then the data at multiples of an alignment.
// Invariant: every text, list and tensor of an opened file lies inside it; keys and tensor names are unique; the
// tensors lie one after another, each padded to the alignment, and cover the data. Nothing is copied: all borrow from
// the file. What keys mean is left to others. Source: ggml, docs/gguf.md and gguf.cpp. Every complaint is a
// CheckpointError.
#pragma once
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/tensor.h>

#include "model/ggml_types.h"
#include "model/mapped_file.h"

namespace plumbline {

/// Numbers as in the file.
enum class GgufKind : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, list, u64, i64, f64 };
std::string_view gguf_kind_name(GgufKind kind);

struct GgufValue {
  GgufKind kind = GgufKind::u8;
  GgufKind element = GgufKind::u8;  ///< of a list: what it holds
  uint64_t count = 0;               ///< of a list: how many
  std::string_view bytes;           ///< encoded: of a text its bytes, of a list all its elements
};

struct GgufPair {
  std::string_view key;
  GgufValue value;
};

struct GgufTensor {
  std::string_view name;
  const GgmlType* type = nullptr;
  Shape shape;  ///< outermost first, so the last is a row (in the file it comes first)
  std::span<const std::byte> data;
};

class GgufFile {
 public:
  /// Maps and checks the whole file but the numbers of its tensors.
  static GgufFile open(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return path_; }
  uint32_t version() const { return version_; }
  const std::vector<GgufPair>& pairs() const { return pairs_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  /// Or nullptr.
  const GgufValue* find(std::string_view key) const;
  const GgufTensor* find_tensor(std::string_view name) const;
  std::span<const std::byte> file_bytes() const { return mapping_->bytes(); }

 private:
  friend class GgufReader;
  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> mapping_;
  uint32_t version_ = 0;
  std::vector<GgufPair> pairs_;
  std::vector<GgufTensor> tensors_;
};

/// The number that these bytes, checked for length, begin with.
template <class T>
T gguf_number(std::string_view bytes) {
  T number{};
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}
/// The texts of a list of texts, borrowed.
std::vector<std::string_view> gguf_texts(const GgufValue& list);
/// An integer of any width that fits into `out`; false for anything else.
bool gguf_integer(const GgufValue& value, int64_t& out);

}  // namespace plumbline
