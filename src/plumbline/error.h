// SPDX-License-Identifier: Apache-2.0
// What a program of ours throws when it cannot do its work (exit 2). A difference between two runs is never an error:
// it is a value in a report. One boundary, in main, prints what() and ends the program.
#pragma once
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace plumbline {

/// what() is the whole message: a summary line (verb and what), indented lines with the place and both values, and
/// last the way out.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
  /// Joins summary, details (each indented by two blanks) and the way out (indented, may be empty).
  Error(std::string_view summary, const std::vector<std::string>& details, std::string_view way_out);
};

struct UsageError : Error {
  using Error::Error;
};  ///< the command line is wrong
struct InputError : Error {
  using Error::Error;
};  ///< a value or file content that cannot be used
struct ShapeError : Error {
  using Error::Error;
};  ///< shapes or formats that cannot meet
struct CheckpointError : Error {
  using Error::Error;
};  ///< a model directory that breaks a loader rule
struct TraceError : Error {
  using Error::Error;
};  ///< an HDF5 dump that cannot be read or written
struct BackendError : Error {
  using Error::Error;
};  ///< a kernel, the twin or LibTorch failed

/// The candidates nearest to `name` by edit distance (at most `most`, best first; only plausible ones), for
/// "did you mean" lines.
std::vector<std::string> near_misses(std::string_view name, const std::vector<std::string>& candidates,
                                     size_t most = 3);

}  // namespace plumbline
