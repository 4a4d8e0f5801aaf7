// SPDX-License-Identifier: Apache-2.0
// Parent side: what a table must satisfy before a single byte of its tensors is touched, whoever wrote it.
// Invariant: after validate() every entry's bytes lie inside the file (or the decoded area) and belong to it alone.
#pragma once
#include <filesystem>

#include "trace/codec.h"

namespace plumbline::trace {

/// Throws TraceError naming the file, the tap and what is wrong.
void validate(const FlatTable& table, int64_t file_bytes, int64_t decoded_bytes, const std::filesystem::path& file);

/// Where an entry lies: in the decoded area or in the file, and at which offset there.
struct EntryPlace {
  bool decoded = false;
  int64_t offset = 0;
};
inline EntryPlace place_of(const TapEntry& entry) {
  return entry.file_offset < 0 ? EntryPlace{true, -(entry.file_offset + 1)} : EntryPlace{false, entry.file_offset};
}

}  // namespace plumbline::trace
