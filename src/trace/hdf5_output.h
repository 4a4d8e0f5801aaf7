// SPDX-License-Identifier: Apache-2.0
// The HDF5 structure of a trace being written: groups, tensor datasets with their place in the file, tables, texts.
// Invariant: contiguous, early-allocated, fixed-length things only; payloads are written by others at the offsets
// given.
#pragma once
#include <filesystem>
#include <set>
#include <span>
#include <string>

#include <plumbline/trace.h>

#include "trace/hdf5_handle.h"
#include "trace/schema.h"

namespace plumbline::trace {

class Hdf5Output {
 public:
  /// Writes over `file`, which exists and is empty.
  Hdf5Output(std::filesystem::path file, const TraceHeader& header);
  ~Hdf5Output();

  /// Makes the dataset and returns the byte offset of its payload in the file (0 for an empty tensor).
  int64_t add_tensor(const DatasetPlace& place, DType dtype, const Shape& shape);
  /// A one-dimensional dataset of `count` elements.
  void add_table(const char* name, hid_t type, const void* rows, size_t count);
  void add_bytes(const char* name, std::string_view bytes);
  /// The root attributes that say the file is whole.
  void set_complete(uint64_t n_tensors, uint64_t index_xxh3);
  /// Flushes and closes. Throws TraceError if anything could not be written.
  void close();
  /// After a failed write: nothing of it is closed or flushed any more.
  void abandon();

 private:
  [[noreturn]] void fail(std::string_view what) const;
  void check(bool good, std::string_view what) const {
    if (!good) fail(what);
  }
  void enter_group(const std::string& path);
  template <class T>
  void add_attribute(const char* name, hid_t type, const T& value);
  void add_attribute(const char* name, std::string_view text);

  std::filesystem::path file_;
  Handle root_, group_, tensor_properties_, utf8_links_, scalar_;
  std::string group_path_;
  std::set<std::string> groups_;
};

}  // namespace plumbline::trace
