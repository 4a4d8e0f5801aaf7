// SPDX-License-Identifier: Apache-2.0
#include "model/weights_output.h"

#include <algorithm>

#include "core/parallel.h"

namespace plumbline {
namespace {

constexpr int64_t kPieces = 32;  // between two writes: 4 MiB of bf16

int64_t bytes_of(const SafetensorsEntry& entry) {
  return element_count(entry.shape) * static_cast<int64_t>(element_bytes(entry.dtype));
}

}  // namespace

int64_t write_weights(OutputFile& out, const std::vector<SafetensorsEntry>& entries, const FillWeights& fill,
                      const WriteProgress& progress) {
  const std::string header = safetensors_header(entries);
  out.write(header);
  int64_t all = 0, done = 0, most = 0;
  for (const SafetensorsEntry& entry : entries) {
    all += bytes_of(entry);
    most = std::max(most, bytes_of(entry));
  }
  constexpr auto kLargest = static_cast<int64_t>(kWeightPiece * kPieces * int64_t{sizeof(double)});
  std::vector<std::byte> buffer(static_cast<size_t>(std::min(most, kLargest)));
  for (size_t index = 0; index < entries.size(); ++index) {
    const auto bytes = static_cast<int64_t>(element_bytes(entries[index].dtype));
    const int64_t count = element_count(entries[index].shape);
    for (int64_t first = 0; first < count; first += kWeightPiece * kPieces) {
      const int64_t here = std::min(count - first, kWeightPiece * kPieces);
      parallel_for((here + kWeightPiece - 1) / kWeightPiece, 0, [&](int64_t piece) {
        const int64_t from = piece * kWeightPiece;
        fill(index, first + from, std::min(kWeightPiece, here - from), buffer.data() + from * bytes);
      });
      out.write(buffer.data(), static_cast<size_t>(here * bytes));
      done += here * bytes;
      if (progress) progress(done, all);
    }
  }
  return static_cast<int64_t>(header.size()) + all;
}

}  // namespace plumbline
