// SPDX-License-Identifier: Apache-2.0
// Runs a reader over damaged files in worker processes and holds it to the rules: it reads soundly or throws Error with
// a message free of control characters, neither dies nor hangs, and holds at most 4 times the file and 64 MiB of heap.
// Invariant: case i follows from seed and i alone, so that a culprit can be made again after its worker has died.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "fuzz/readers.h"

namespace plumbline::test {

struct Tally {
  int64_t sound = 0, refused = 0, crashed = 0;
  int64_t peak_bytes = 0;  ///< most heap held for one case
  double peak_share = 0;   ///< most of the allowance (4 times the file and 64 MiB) that a case took
};

struct Campaign {
  int64_t cases = 0;
  /// Makes case i; called in workers, and once more for a culprit.
  std::function<std::string(int64_t)> make;
  /// Told of each defect: which case, its bytes and what went wrong.
  std::function<void(int64_t, const std::string&, const std::string&)> report;
  bool all_refused = false;  ///< then a case that reads as sound is a defect
};

/// Gives up after 20 defects. `folder` holds what the reader needs (Reader::seeds).
Tally run_campaign(const Reader& reader, const std::filesystem::path& folder, const Campaign& campaign);

}  // namespace plumbline::test
