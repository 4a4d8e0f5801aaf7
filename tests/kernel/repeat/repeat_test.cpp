// SPDX-License-Identifier: Apache-2.0
// Every kernel writes all of its outputs and taps, the same bits whatever lay there before, nothing beside them, and
// the same again 20 times, with and without taps. Built for the twin and for a GPU (PLUMBLINE_REPEAT_CUDA), where the
// twin must write the same bytes.
// PLUMBLINE_REPEAT_RUNS=N in the environment: so many runs instead; the second is the first without taps.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "cuda/common/memory.h"
#include "kernel/repeat/cases.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

/// At least two: with taps and without, over one poison and over the other.
int runs() {
  const char* asked = std::getenv("PLUMBLINE_REPEAT_RUNS");
  const int count = asked == nullptr ? 20 : std::atoi(asked);
  INFO("PLUMBLINE_REPEAT_RUNS is " << (asked == nullptr ? "not set" : asked) << "; a repeated run is the second");
  REQUIRE(count >= 2);
  return count;
}

std::vector<RepeatCase> cases() {
#ifdef PLUMBLINE_REPEAT_CUDA
  const std::string problem = cuda::repeat_problem();
  if (!problem.empty() && problem.find("no GPU can be used") == std::string::npos) FAIL(problem);
  if (!problem.empty()) std::printf("no GPU here: %s\n", problem.c_str());
  return problem.empty() ? cuda::repeat_cases() : std::vector<RepeatCase>{};
#else
  return twin::repeat_cases();
#endif
}

/// The first byte in which the two differ; -1 if none does.
int64_t first_difference(const std::vector<std::byte>& expected, const std::vector<std::byte>& actual) {
  if (expected.size() != actual.size()) return 0;
  const auto found = std::mismatch(expected.begin(), expected.end(), actual.begin());
  return found.first == expected.end() ? -1 : found.first - expected.begin();
}

RepeatCase unwritten() {
#ifdef PLUMBLINE_REPEAT_CUDA
  return cuda::unwritten_case();
#else
  return twin::unwritten_case();
#endif
}

}  // namespace

TEST_CASE("every kernel writes all of its outputs, whatever lay there before, and the same in every run", "[kernel]") {
  const std::vector<RepeatCase> all = cases();
  if (!all.empty()) {
    const RepeatCase one = unwritten();  // an output that is not written shows
    REQUIRE(first_difference(one.run(twin::kPoisonA, false).outputs, one.run(twin::kPoisonB, false).outputs) ==
            3 * 33 * 2);
  }
  const int count = runs();
  int64_t bytes = 0;
  std::set<std::string> names;
  for (const RepeatCase& one : all) {
    INFO(one.name);
    REQUIRE(names.insert(one.name).second);
    const Written expected = one.run(twin::kPoisonA, true);
    REQUIRE(!expected.outputs.empty());
    for (int run = 1; run < count; ++run) {
      INFO("run " << run);
      const bool taps = run % 5 >= 2;  // without them under either poison
      const Written actual = one.run(run % 2 == 1 ? twin::kPoisonB : twin::kPoisonA, taps);
      REQUIRE(first_difference(expected.outputs, actual.outputs) == -1);
      if (taps) REQUIRE(first_difference(expected.taps, actual.taps) == -1);
    }
    bytes += static_cast<int64_t>(expected.outputs.size() + expected.taps.size());
  }
  std::printf("%zu cases, %lld bytes of outputs and taps each of %d runs\n", names.size(),
              static_cast<long long>(bytes), count);
}

#ifdef PLUMBLINE_REPEAT_CUDA
TEST_CASE("the twin writes the same bytes as the GPU", "[kernel]") {
  const std::vector<RepeatCase> on_gpu = cases(), on_twin = twin::repeat_cases();
  if (on_gpu.empty()) return;  // said so
  REQUIRE(on_gpu.size() == on_twin.size());
  for (size_t i = 0; i < on_gpu.size(); ++i) {
    INFO(on_gpu[i].name);
    REQUIRE(on_gpu[i].name == on_twin[i].name);
    const Written expected = on_twin[i].run(twin::kPoisonA, true), actual = on_gpu[i].run(twin::kPoisonA, true);
    REQUIRE(first_difference(expected.outputs, actual.outputs) == -1);
    REQUIRE(first_difference(expected.taps, actual.taps) == -1);
  }
  std::printf("twin = GPU in %zu cases\n", on_gpu.size());
}
#endif

}  // namespace plumbline::test
