// SPDX-License-Identifier: Apache-2.0
// Counts are bounded before anything is reserved for them, by what is left of the file and by limits of our own, far
// above what models have; so memory stays below the file's size and some MiB.
#include "model/gguf.h"

#include <algorithm>
#include <array>

#include <plumbline/error.h>

#include "model/strict_json.h"

namespace plumbline {

namespace {

constexpr uint64_t kMostPairs = 1 << 14, kMostTensors = 1 << 14;
constexpr uint64_t kDefaultAlignment = 32, kLargestAlignment = 1 << 20;
constexpr uint32_t kMostAxes = 4;
constexpr int kDeepestList = 4;
constexpr size_t kLongestKey = 65535;                // as in the format's description
constexpr uint64_t kTextBytes = 8, kListBytes = 12;  // least that a text and a list take: their counts
constexpr std::array<std::string_view, 13> kKinds = {"u8",   "i8",   "u16",  "i16", "u32", "i32", "f32",
                                                     "bool", "text", "list", "u64", "i64", "f64"};

/// Bytes of one number; 0 for texts and lists.
uint64_t bytes_of(GgufKind kind) {
  constexpr std::array<uint64_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kBytes.at(static_cast<size_t>(kind));
}

std::string bytes_text(uint64_t count) { return std::to_string(count) + " bytes"; }

}  // namespace

/// Reads one file from front to back.
class GgufReader {
 public:
  GgufReader(GgufFile& file) : file_(file), text_(file.mapping_->text()) {}

  void read() {
    read_head();
    file_.pairs_.reserve(pair_count_);
    for (uint64_t i = 0; i < pair_count_; ++i) file_.pairs_.push_back(read_pair());
    check_unique("two key/value pairs have the same key", "key     ", file_.pairs_,
                 [](const GgufPair& pair) { return pair.key; });
    alignment_ = read_alignment();
    file_.tensors_.reserve(tensor_count_);
    for (uint64_t i = 0; i < tensor_count_; ++i) read_tensor();
    check_unique("two tensors have the same name", "tensor  ", file_.tensors_,
                 [](const GgufTensor& tensor) { return tensor.name; });
    place_tensors();
  }

 private:
  [[noreturn]] void refuse(const std::string& what, std::vector<std::string> details,
                           const std::string& way_out = "the file is damaged or forged: fetch it again") const {
    details.insert(details.begin(), "file    " + file_.path_.string());
    throw CheckpointError("cannot read the GGUF file: " + what, details, way_out);
  }
  uint64_t left() const { return text_.size() - at_; }
  uint64_t padded(uint64_t bytes) const { return (bytes + alignment_ - 1) / alignment_ * alignment_; }

  std::string_view take(uint64_t bytes, std::string_view what) {
    if (bytes > left())
      refuse("it is truncated",
             {"byte    " + std::to_string(at_), "needed  " + bytes_text(bytes) + " of " + std::string(what),
              "left    " + bytes_text(left())});
    const std::string_view taken = text_.substr(at_, bytes);
    at_ += bytes;
    return taken;
  }
  template <class T>
  T number(std::string_view what) {
    return gguf_number<T>(take(sizeof(T), what));
  }
  std::string_view text(std::string_view what) { return take(number<uint64_t>("a text's length"), what); }

  GgufKind kind(std::string_view key) {
    const auto found = number<uint32_t>("a value's type");
    if (found >= kKinds.size())
      refuse("a value has a type that the format does not know",
             {"key     " + printable(key), "type    " + std::to_string(found)});
    return static_cast<GgufKind>(found);
  }

  void read_head() {
    const std::string_view magic = take(4, "the magic");
    if (magic != "GGUF")
      refuse("it is none", {"begins  " + printable(magic), "needed  GGUF"}, "give a file of that format");
    file_.version_ = number<uint32_t>("the version");
    if (const uint32_t turned = __builtin_bswap32(file_.version_); turned == 2 || turned == 3)
      refuse("its numbers are big endian", {"version " + std::to_string(turned) + ", bytes in reverse order"},
             "make a little endian one: gguf_convert_endian.py of llama.cpp turns it round");
    if (file_.version_ != 2 && file_.version_ != 3)
      refuse("this version of the format is not read", {"version " + std::to_string(file_.version_), "known   2, 3"},
             "convert the model anew with a current converter");
    tensor_count_ = count("tensors", kMostTensors);
    pair_count_ = count("key/value pairs", kMostPairs);
  }

  uint64_t count(const std::string& what, uint64_t most) {
    const auto found = number<uint64_t>("the number of " + what);
    if (found > most)
      refuse("it declares too many " + what, {"count   " + std::to_string(found), "limit   " + std::to_string(most)});
    return found;
  }

  GgufPair read_pair() {
    GgufPair pair;
    pair.key = text("a key");
    if (pair.key.empty()) refuse("a key is empty", {"byte    " + std::to_string(at_)});
    if (pair.key.size() > kLongestKey)
      refuse("a key is too long", {"length  " + bytes_text(pair.key.size()), "limit   " + bytes_text(kLongestKey)});
    pair.value.kind = kind(pair.key);
    if (pair.value.kind == GgufKind::text) {
      pair.value.bytes = text("a text");
    } else if (pair.value.kind == GgufKind::list) {
      pair.value.element = kind(pair.key);
      pair.value.count = number<uint64_t>("a list's length");
      const uint64_t begin = at_;
      pass_elements(pair.key, pair.value.element, pair.value.count, 1);
      pair.value.bytes = text_.substr(begin, at_ - begin);
    } else {
      pair.value.bytes = take(bytes_of(pair.value.kind), "a value");
      if (pair.value.kind == GgufKind::boolean) check_booleans(pair.key, pair.value.bytes);
    }
    return pair;
  }

  void pass_elements(std::string_view key, GgufKind element, uint64_t count, int depth) {
    const uint64_t least = element == GgufKind::text   ? kTextBytes
                           : element == GgufKind::list ? kListBytes
                                                       : bytes_of(element);
    if (count > left() / least)
      refuse("a list does not fit into the file",
             {"key     " + printable(key), "count   " + std::to_string(count), "left    " + bytes_text(left())});
    if (element == GgufKind::text) {
      for (uint64_t i = 0; i < count; ++i) text("a text of a list");
    } else if (element == GgufKind::list) {
      if (depth == kDeepestList) refuse("lists are nested too deep", {"key     " + printable(key)});
      for (uint64_t i = 0; i < count; ++i) {
        const GgufKind inner = kind(key);
        pass_elements(key, inner, number<uint64_t>("a list's length"), depth + 1);
      }
    } else {
      const std::string_view all = take(count * least, "a list");
      if (element == GgufKind::boolean) check_booleans(key, all);
    }
  }

  void check_booleans(std::string_view key, std::string_view bytes) const {
    const auto odd = std::find_if(bytes.begin(), bytes.end(), [](char c) { return c != 0 && c != 1; });
    if (odd != bytes.end())
      refuse("a truth value is neither 0 nor 1",
             {"key     " + printable(key), "found   " + std::to_string(static_cast<unsigned char>(*odd))});
  }

  template <class Items, class Name>
  void check_unique(const std::string& what, const std::string& label, const Items& items, Name name) const {
    std::vector<std::string_view> names;
    names.reserve(items.size());
    for (const auto& item : items) names.push_back(name(item));
    std::sort(names.begin(), names.end());
    const auto twin = std::adjacent_find(names.begin(), names.end());
    if (twin != names.end()) refuse(what, {label + printable(*twin)});
  }

  uint64_t read_alignment() const {
    const GgufValue* value = file_.find("general.alignment");
    if (value == nullptr) return kDefaultAlignment;
    int64_t found = 0;
    const bool is_integer = gguf_integer(*value, found);
    const auto alignment = static_cast<uint64_t>(found);
    if (!is_integer || found < 1 || alignment > kLargestAlignment || (alignment & (alignment - 1)) != 0)
      refuse("the alignment is no power of two up to " + std::to_string(kLargestAlignment),
             {"key     general.alignment",
              "found   " + (is_integer ? std::to_string(found) : std::string(gguf_kind_name(value->kind)))});
    return alignment;
  }

  void read_tensor() {
    GgufTensor tensor;
    tensor.name = text("a tensor's name");
    if (tensor.name.empty()) refuse("a tensor's name is empty", {"byte    " + std::to_string(at_)});
    const std::string label = "tensor  " + printable(tensor.name);
    const auto axes = number<uint32_t>("a tensor's number of axes");
    if (axes < 1 || axes > kMostAxes)
      refuse("a tensor has no axes or more than " + std::to_string(kMostAxes),
             {label, "axes    " + std::to_string(axes)});
    uint64_t count = 1;
    for (uint32_t axis = 0; axis < axes; ++axis) {
      const auto extent = number<uint64_t>("a tensor's shape");
      if (extent < 1 || extent > uint64_t{INT64_MAX} || __builtin_mul_overflow(count, extent, &count) ||
          count > uint64_t{INT64_MAX})
        refuse("a tensor's shape is empty or beyond counting", {label, "extent  " + std::to_string(extent)});
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(extent));
    }
    const auto id = number<uint32_t>("a tensor's type");
    tensor.type = find_ggml_type(id);
    if (tensor.type == nullptr)
      refuse("a tensor has a type that is not read",
             {label, "type    " + ggml_type_name(id), "read    " + readable_ggml_types()},
             "take a file of the same model in one of these types");
    if (tensor.shape.back() % tensor.type->block != 0)
      refuse("a tensor's rows are no whole blocks of its type",
             {label, "shape   " + to_string(tensor.shape),
              "blocks  of " + std::to_string(tensor.type->block) + " (" + tensor.type->name + ")"});
    const uint64_t blocks = count / static_cast<uint64_t>(tensor.type->block);
    uint64_t bytes = 0;
    const auto offset = number<uint64_t>("a tensor's offset");
    if (__builtin_mul_overflow(blocks, static_cast<uint64_t>(tensor.type->block_bytes), &bytes) || bytes > text_.size())
      refuse("a tensor is larger than the file", {label, "shape   " + to_string(tensor.shape) + " " + tensor.type->name,
                                                  "file    " + bytes_text(text_.size())});
    extents_.push_back({offset, bytes, file_.tensors_.size()});
    file_.tensors_.push_back(std::move(tensor));
  }

  /// By offset: each tensor begins where the one before ended, padded; the last one ends with the file.
  void place_tensors() {
    const uint64_t begin = std::min<uint64_t>(padded(at_), text_.size()), data = text_.size() - begin;
    std::sort(extents_.begin(), extents_.end(), [](const Extent& a, const Extent& b) {
      return a.offset < b.offset || (a.offset == b.offset && a.tensor < b.tensor);
    });
    uint64_t covered = 0;
    for (const Extent& extent : extents_) {
      GgufTensor& tensor = file_.tensors_[extent.tensor];
      const std::string label = "tensor  " + printable(tensor.name);
      if (extent.offset != covered)
        refuse(extent.offset < covered ? "two tensors overlap" : "bytes before a tensor belong to none",
               {label, "offset  " + std::to_string(extent.offset),
                "needed  " + std::to_string(covered) + ", alignment " + std::to_string(alignment_)});
      if (extent.offset > data || extent.bytes > data - extent.offset)
        refuse("a tensor lies outside the file",
               {label, "offset  " + std::to_string(extent.offset) + ", " + bytes_text(extent.bytes),
                "data    " + bytes_text(data)});
      tensor.data = file_.mapping_->bytes().subspan(begin + extent.offset, extent.bytes);
      covered = padded(extent.offset + extent.bytes);
    }
    if (data > covered)
      refuse("bytes at the end belong to no tensor",
             {"covered " + std::to_string(covered), "data    " + bytes_text(data)});
  }

  struct Extent {
    uint64_t offset, bytes;
    size_t tensor;
  };
  GgufFile& file_;
  std::string_view text_;
  uint64_t at_ = 0, tensor_count_ = 0, pair_count_ = 0, alignment_ = kDefaultAlignment;
  std::vector<Extent> extents_;
};

std::string_view gguf_kind_name(GgufKind kind) { return kKinds.at(static_cast<size_t>(kind)); }

GgufFile GgufFile::open(const std::filesystem::path& file) {
  GgufFile opened;
  opened.path_ = file;
  opened.mapping_ = MappedFile::open(file);
  GgufReader(opened).read();
  return opened;
}

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = std::find_if(pairs_.begin(), pairs_.end(), [&](const GgufPair& pair) { return pair.key == key; });
  return found == pairs_.end() ? nullptr : &found->value;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found =
      std::find_if(tensors_.begin(), tensors_.end(), [&](const GgufTensor& tensor) { return tensor.name == name; });
  return found == tensors_.end() ? nullptr : &*found;
}

std::vector<std::string_view> gguf_texts(const GgufValue& list) {
  std::vector<std::string_view> texts;
  texts.reserve(list.count);
  std::string_view rest = list.bytes;
  for (uint64_t i = 0; i < list.count; ++i) {
    const auto length = gguf_number<uint64_t>(rest);
    texts.push_back(rest.substr(kTextBytes, length));
    rest.remove_prefix(kTextBytes + length);
  }
  return texts;
}

bool gguf_integer(const GgufValue& value, int64_t& out) {
  switch (value.kind) {
    case GgufKind::u8: out = gguf_number<uint8_t>(value.bytes); return true;
    case GgufKind::i8: out = gguf_number<int8_t>(value.bytes); return true;
    case GgufKind::u16: out = gguf_number<uint16_t>(value.bytes); return true;
    case GgufKind::i16: out = gguf_number<int16_t>(value.bytes); return true;
    case GgufKind::u32: out = gguf_number<uint32_t>(value.bytes); return true;
    case GgufKind::i32: out = gguf_number<int32_t>(value.bytes); return true;
    case GgufKind::i64: out = gguf_number<int64_t>(value.bytes); return true;
    case GgufKind::u64:
      if (gguf_number<uint64_t>(value.bytes) > uint64_t{INT64_MAX}) return false;
      out = gguf_number<int64_t>(value.bytes);
      return true;
    default: return false;
  }
}

}  // namespace plumbline
