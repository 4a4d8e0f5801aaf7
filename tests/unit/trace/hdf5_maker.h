// SPDX-License-Identifier: Apache-2.0
// Small HDF5 files for tests, made through the C API, sound and hostile ones.
// Invariant: every dataset made here is closed with the file; failures of the library are test failures.
#pragma once
#include <hdf5.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace plumbline::test {

/// What distinguishes a dataset from a plain contiguous one.
struct DatasetOptions {
  std::vector<hsize_t> chunk;         ///< not empty: chunked
  std::function<void(hid_t)> adjust;  ///< last word on the creation property list
  std::string dtype_attribute;
  bool write = true;
};

class Hdf5Maker {
 public:
  explicit Hdf5Maker(const std::filesystem::path& file);
  ~Hdf5Maker();
  hid_t file() const { return file_; }
  void group(const std::string& name);
  /// Writes `bytes` (zero-filled or cut to size) as a dataset of `type`.
  void dataset(const std::string& name, hid_t type, const std::vector<hsize_t>& dims, std::string bytes = {},
               const DatasetOptions& options = {});

 private:
  hid_t file_ = H5I_INVALID_HID;
};

}  // namespace plumbline::test
