// SPDX-License-Identifier: Apache-2.0
// Child side: an in-memory file into which chunked and compact datasets are decoded, for the parent to map.
// Invariant: every dataset starts at a multiple of 64 bytes; memory type equals file type, so nothing is converted.
#pragma once
#include "trace/hdf5_input.h"

namespace plumbline::trace {

class DecodedArea {
 public:
  explicit DecodedArea(int fd) : fd_(fd) {}
  /// Reads the whole dataset and returns its offset in the area. Throws TraceError if it was not wholly written, needs
  /// a filter that this build lacks, or is absurdly large for what is stored.
  int64_t decode(const Input& input, const std::string& place, hid_t dataset, hid_t type, int64_t bytes);

 private:
  int fd_ = -1;
  int64_t used_ = 0;
};

}  // namespace plumbline::trace
