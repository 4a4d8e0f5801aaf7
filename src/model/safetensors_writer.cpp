// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors_writer.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "model/strict_json.h"

namespace plumbline {
namespace {

std::string format_name(DType dtype) {
  if (dtype == DType::f8_e4m3fn) return "F8_E4M3";
  std::string name(dtype_name(dtype));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

}  // namespace

std::string safetensors_header(const std::vector<SafetensorsEntry>& entries) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  int64_t offset = 0;
  for (const SafetensorsEntry& entry : entries) {
    const int64_t end = offset + element_count(entry.shape) * static_cast<int64_t>(element_bytes(entry.dtype));
    header[entry.name] = {{"dtype", format_name(entry.dtype)}, {"shape", entry.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string json = header.dump();
  json.resize((json.size() + 7) / 8 * 8, ' ');
  const auto length = static_cast<uint64_t>(json.size());
  std::string head(sizeof length, '\0');
  std::memcpy(head.data(), &length, sizeof length);
  return head + json;
}

std::string safetensors_bytes(const std::vector<std::pair<std::string, Tensor>>& tensors) {
  std::vector<SafetensorsEntry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back({name, tensor.dtype(), tensor.shape()});
  std::string bytes = safetensors_header(entries);
  for (const auto& [name, tensor] : tensors)
    bytes.append(reinterpret_cast<const char*>(tensor.data()), tensor.byte_size());
  return bytes;
}

}  // namespace plumbline
