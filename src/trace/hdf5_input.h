// SPDX-License-Identifier: Apache-2.0
// Reading HDF5 structure that nobody vouches for. Runs in the confined child only (confined_child.h).
// Invariant: nothing outside the one file is ever opened, nothing is read through a conversion, and every allocation is
// bounded by the size of the file.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "trace/hdf5_handle.h"

namespace plumbline::trace {

/// The file under inspection: `fd` is open for reading, `name` is for messages.
struct Input {
  int fd = -1;
  int64_t bytes = 0;
  std::filesystem::path name;
  Handle root;

  /// "cannot read FILE", "at PLACE: PROBLEM", way out; throws TraceError.
  [[noreturn]] void refuse(std::string_view place, std::string_view problem, std::string_view way_out = "") const;
};

/// Opens the structure of the file behind `fd`. Throws TraceError if it is no HDF5 file, cut short or unfinished.
Input open_input(int fd, int64_t bytes, std::filesystem::path name);

/// An attribute that holds one text, fixed or variable length; nullopt if absent or of another kind or absurdly long.
/// Throws TraceError if the object's attributes are damaged: absent and unreadable are not the same.
std::optional<std::string> text_attribute(const Input& input, hid_t object, const char* name);
/// An attribute that holds one number of exactly that type; likewise.
std::optional<uint64_t> number_attribute(const Input& input, hid_t object, const char* name, hid_t type);

/// The raw bytes of the root's one-dimensional contiguous dataset of exactly that type. Throws TraceError.
std::string plain_dataset(const Input& input, const char* name, hid_t type);
bool has_dataset(const Input& input, const char* name);

}  // namespace plumbline::trace
