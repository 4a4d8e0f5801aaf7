// SPDX-License-Identifier: Apache-2.0
// Schema version 1 as constants and row layouts; the page for people is dumps/schema/README.md.
// Invariant: the rows are plain, without padding, and equal byte for byte to the compound types of hdf5_types.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include <plumbline/trace.h>

namespace plumbline::trace {

inline constexpr std::string_view kFormat = "plumbline-trace";
inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kMaxRank = 8;
inline constexpr int64_t kMaxPathBytes = 1000;
inline constexpr uint64_t kMaxTaps = 4'000'000;
inline constexpr size_t kMaxAttributeBytes = 32768;  ///< an HDF5 object header message holds less than 64 KiB
inline constexpr int64_t kAlignment = 4096;          ///< of tensors of at least so many bytes, in the file

inline constexpr uint32_t kFlagInner = 1;  ///< TapSpec::inner

/// One row of /index. Texts are ids into /strings. Extents and axes past the rank are 0.
struct IndexRow {
  uint64_t seq;
  int64_t step;
  uint64_t dims[kMaxRank];
  uint64_t offset, nbytes, xxh3;
  uint32_t axes[kMaxRank];
  uint32_t n_axes;
  int32_t layer;
  uint32_t order;
  uint32_t flags;
  uint32_t path, dataset, dtype;
  uint32_t rank;
};
static_assert(sizeof(IndexRow) == 8 + 8 + 64 + 24 + 32 + 32);

/// One row of /steps; the ids are tokens[first_token, first_token + n_tokens) of /tokens.
struct StepRow {
  int64_t step, first_position;
  uint64_t first_token, n_tokens;
};

/// Where a tap's dataset lies: /t/s000012/L05/0007_attn.q_proj. Layer -1 gives Lpre before any layer, then Lpost.
struct DatasetPlace {
  std::string group, name;
  std::string full() const { return group + "/" + name; }
};

/// The layer in "layer.N.rest" (rest then stands in *rest), or -1 (rest is the whole path).
int layer_of(std::string_view path, std::string_view* rest = nullptr);
DatasetPlace dataset_place(std::string_view path, int64_t step, bool after_layers, uint32_t order);

/// The inverse for a dataset of our layout in a file without an index. False if `full` is not of that layout.
bool parse_dataset_place(std::string_view full, TapEntry& entry);

/// 16 lower-case digits: how an XXH3-64 is shown.
std::string hex_of(uint64_t xxh3);

/// `text` with control characters and bytes that are no UTF-8 as \xNN, cut at 200 bytes: for messages that quote names
/// out of untrusted files.
std::string printable(std::string_view text);

}  // namespace plumbline::trace
