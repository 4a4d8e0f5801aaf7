// SPDX-License-Identifier: Apache-2.0
// Every op over shapes around tile edges, as calls that can be repeated. Invariant: plain types only, so that one test
// program can hold the twin's cases, the GPU's, or both. Left to others: what must come out (the ops' own tests).
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace plumbline::test {

/// The bytes that one call wrote.
struct Written {
  std::vector<std::byte> outputs, taps;
};

struct RepeatCase {
  std::string name;
  /// Runs the op on fresh memory, all of which holds `poison` before it is written. `taps`: record every one that the
  /// op has. Throws BackendError if the op wrote past a buffer, or changed an input.
  std::function<Written(uint32_t poison, bool taps)> run;
};

}  // namespace plumbline::test

namespace plumbline::twin {
std::vector<test::RepeatCase> repeat_cases();
/// One whose op leaves the last row of its output as it was.
test::RepeatCase unwritten_case();
}  // namespace plumbline::twin
namespace plumbline::cuda {
std::vector<test::RepeatCase> repeat_cases();
test::RepeatCase unwritten_case();
/// Empty, or why no GPU can run them.
std::string repeat_problem();
}  // namespace plumbline::cuda
