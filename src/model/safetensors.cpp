// SPDX-License-Identifier: Apache-2.0
// Limits are those of the format's own library (header of at most 100,000,000 bytes), so that no file which it reads is
// refused for size, and a hostile length cannot make us allocate.
#include "model/safetensors.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include <plumbline/error.h>

#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr uint64_t kLengthBytes = 8, kLargestHeader = 100'000'000;
constexpr size_t kMostAxes = 8;

using nlohmann::json;

struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  uint64_t begin = 0, end = 0;  ///< in bytes from the start of the data
};

/// Reads one file; holds what its messages need.
class Reader {
 public:
  Reader(const std::filesystem::path& file, const MappedFile& mapping) : file_(file), mapping_(mapping) {}

  std::vector<Entry> read() {
    const json header = read_header();
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name != "__metadata__") entries.push_back(read_entry(name, value));
    }
    check_cover(entries);
    return entries;
  }
  uint64_t data_begin() const { return kLengthBytes + header_bytes_; }

 private:
  [[noreturn]] void refuse(const std::string& what, std::vector<std::string> details) const {
    details.insert(details.begin(), "file    " + file_.string());
    throw CheckpointError("cannot load the model: " + what, details, "the file is damaged or forged: fetch it again");
  }
  [[noreturn]] void refuse_tensor(const std::string& name, const std::string& what,
                                  std::vector<std::string> details) const {
    details.insert(details.begin(), "tensor  " + printable(name));
    refuse(what, std::move(details));
  }

  json read_header() {
    const uint64_t size = mapping_.bytes().size();
    if (size < kLengthBytes) {
      refuse("a weight file is truncated",
             {"bytes   " + std::to_string(size), "needed  at least " + std::to_string(kLengthBytes)});
    }
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<uint64_t>(mapping_.bytes()[i]) << (8 * i);
    if (length > kLargestHeader) {
      refuse("a weight file's header is too long",
             {"length  " + std::to_string(length), "limit   " + std::to_string(kLargestHeader)});
    }
    if (length > size - kLengthBytes) {
      refuse("a weight file is truncated: the header does not fit",
             {"length  " + std::to_string(length), "bytes   " + std::to_string(size - kLengthBytes) + " follow"});
    }
    header_bytes_ = length;
    data_bytes_ = size - kLengthBytes - length;
    return parse_header(mapping_.text().substr(kLengthBytes, length));
  }

  json parse_header(std::string_view text) const {
    if (text.empty() || text.front() != '{') refuse("a weight file's header is not a JSON object", {});
    json header;
    try {
      header = parse_strict_json(text);
    } catch (const JsonProblem& problem) {
      refuse("a weight file's header is not usable JSON", {problem.what()});
    }
    if (!header.is_object()) refuse("a weight file's header is not a JSON object", {});
    return header;
  }

  Entry read_entry(const std::string& name, const json& value) const {
    if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets")) {
      refuse_tensor(name, "a tensor's entry lacks dtype, shape or data_offsets", {});
    }
    Entry entry;
    entry.name = name;
    entry.dtype = read_dtype(name, value["dtype"]);
    entry.shape = read_shape(name, value["shape"]);
    const json& offsets = value["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      refuse_tensor(name, "a tensor's data_offsets are not two integers", {"found   " + printable(offsets.dump())});
    }
    entry.begin = offsets[0].get<uint64_t>();
    entry.end = offsets[1].get<uint64_t>();
    check_extent(entry);
    return entry;
  }

  DType read_dtype(const std::string& name, const json& value) const {
    const std::optional<DType> dtype =
        value.is_string() ? parse_dtype(value.get_ref<const std::string&>()) : std::nullopt;
    if (!dtype) {
      const std::string found = value.is_string() ? value.get<std::string>() : std::string(json_type(value));
      throw CheckpointError("cannot load the model: a tensor has an unknown dtype",
                            {"file    " + file_.string(), "tensor  " + printable(name), "dtype   " + printable(found)},
                            "convert the checkpoint to bfloat16, float16 or float32");
    }
    return *dtype;
  }

  Shape read_shape(const std::string& name, const json& value) const {
    if (!value.is_array() || value.size() > kMostAxes) {
      refuse_tensor(name, "a tensor's shape is not a list of at most " + std::to_string(kMostAxes) + " integers", {});
    }
    Shape shape;
    for (const json& extent : value) {
      if (!extent.is_number_unsigned() || extent.get<uint64_t>() > uint64_t{INT64_MAX}) {
        refuse_tensor(name, "a tensor's shape has an extent that is no integer from 0 up",
                      {"found   " + printable(extent.dump(-1, ' ', true, json::error_handler_t::replace))});
      }
      shape.push_back(extent.get<int64_t>());
    }
    return shape;
  }

  void check_extent(const Entry& entry) const {
    const std::string offsets = "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + ")";
    if (entry.begin > entry.end || entry.end > data_bytes_) {
      refuse_tensor(entry.name, "a tensor's offsets lie outside the file",
                    {"offsets " + offsets, "data    " + std::to_string(data_bytes_) + " bytes"});
    }
    uint64_t needed = element_bytes(entry.dtype);
    for (const int64_t extent : entry.shape) {
      if (__builtin_mul_overflow(needed, static_cast<uint64_t>(extent), &needed)) {
        refuse_tensor(entry.name, "a tensor's shape needs more bytes than can be counted",
                      {"shape   " + to_string(entry.shape)});
      }
    }
    if (needed != entry.end - entry.begin) {
      refuse_tensor(entry.name, "a tensor's offsets do not fit its shape and dtype",
                    {"shape   " + to_string(entry.shape) + " " + std::string(dtype_name(entry.dtype)) + ": " +
                         std::to_string(needed) + " bytes",
                     "offsets " + offsets + ": " + std::to_string(entry.end - entry.begin) + " bytes"});
    }
  }

  void check_cover(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    uint64_t covered = 0;
    const Entry* before = nullptr;
    for (const Entry& entry : entries) {
      if (entry.begin < covered) {
        refuse_tensor(entry.name, "two tensors overlap",
                      {"begins  " + std::to_string(entry.begin),
                       "before  " + printable(before->name) + " ends at " + std::to_string(covered)});
      }
      if (entry.begin > covered) {
        refuse_tensor(entry.name, "bytes before a tensor belong to none",
                      {"begins  " + std::to_string(entry.begin), "covered " + std::to_string(covered)});
      }
      covered = entry.end;
      before = &entry;
    }
    if (covered != data_bytes_) {
      refuse("bytes at the end of a weight file belong to no tensor",
             {"covered " + std::to_string(covered), "data    " + std::to_string(data_bytes_) + " bytes"});
    }
  }

  const std::filesystem::path& file_;
  const MappedFile& mapping_;
  uint64_t header_bytes_ = 0, data_bytes_ = 0;
};

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& file) {
  SafetensorsFile opened;
  opened.mapping_ = MappedFile::open(file);
  Reader reader(file, *opened.mapping_);
  for (Entry& entry : reader.read()) {
    const std::byte* data = opened.mapping_->bytes().data() + reader.data_begin() + entry.begin;
    opened.tensors_[entry.name] = Tensor::borrow({entry.dtype, std::move(entry.shape), data}, opened.mapping_);
  }
  return opened;
}

}  // namespace plumbline
