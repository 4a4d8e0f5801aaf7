// SPDX-License-Identifier: Apache-2.0
#include "support/raw_safetensors.h"

#include <nlohmann/json.hpp>

#include "support/temp_directory.h"

namespace plumbline::test {

void write_safetensors(const std::filesystem::path& file, const std::vector<RawTensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  header["__metadata__"] = {{"format", "pt"}};
  std::string data;
  for (const RawTensor& tensor : tensors) {
    const size_t begin = data.size();
    data += tensor.bytes;
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  write_safetensors_raw(file, text, data);
}

void write_safetensors_raw(const std::filesystem::path& file, std::string_view header, std::string_view data,
                           std::optional<uint64_t> declared_length) {
  const uint64_t length = declared_length.value_or(header.size());
  std::string bytes;
  for (int byte = 0; byte < 8; ++byte) bytes += static_cast<char>((length >> (8 * byte)) & 0xFF);
  write_file(file, bytes.append(header).append(data));
}

}  // namespace plumbline::test
