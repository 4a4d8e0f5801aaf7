// SPDX-License-Identifier: Apache-2.0
// Child side: a file that other software wrote, walked dataset by dataset. Contiguous data are left where they lie;
// chunked and compact data are decoded into a second area (their entries have file_offset = -1 - offset there).
// Invariant: stored bytes are handed over as they are; what cannot be so read is refused by name, what is no tensor
// (texts, records) is listed in header.environment["passed over"].
#pragma once
#include <algorithm>

#include "trace/codec.h"
#include "trace/hdf5_input.h"

namespace plumbline::trace {

/// Most bytes that the decoded area of any file may take, and of one of that size: numbers of a run hardly shrink by
/// more than half when deflated, whereas a bomb of zeros grows a thousandfold.
inline constexpr int64_t kMostDecodedBytes = int64_t{8} << 30;
constexpr int64_t most_decoded_bytes(int64_t file_bytes) {
  return file_bytes > kMostDecodedBytes / 4 ? kMostDecodedBytes
                                            : std::min(kMostDecodedBytes, (int64_t{64} << 20) + 4 * file_bytes);
}

/// `decoded_fd` is an empty memory file that the caller maps afterwards.
FlatTable read_foreign_file(const Input& input, int decoded_fd);

}  // namespace plumbline::trace
