// SPDX-License-Identifier: Apache-2.0
// Threads that can never meet are an error that names kernel, block, threads and lines, without waiting for anything.
#include <fstream>
#include <string>
#include <vector>

#include <plumbline/error.h>

#include "support/catch.h"
#include "tests/kernel/twin/test_kernels.h"

using namespace plumbline::twin;
using namespace plumbline::twin::testing;

namespace {

// "faulty_kernels.cu:LINE" of the line marked "line: NAME".
std::string line_of(const std::string& name) {
  std::ifstream source(PLUMBLINE_SOURCE_DIR "/tests/kernel/twin/faulty_kernels.cu");
  std::string line;
  for (int number = 1; std::getline(source, line); ++number) {
    if (line.ends_with("// line: " + name)) return "faulty_kernels.cu:" + std::to_string(number) + ":";
  }
  throw std::runtime_error("no line is marked " + name);
}

struct Case {
  Divergence kind;
  std::string kernel;
  std::vector<std::string> parts;
};

std::string message_of(Divergence kind) {
  std::vector<float> out(64);
  try {
    diverge(kind, out.data());
  } catch (const plumbline::BackendError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("divergence names kernel, block, threads and both places") {
  const auto c = GENERATE(values<Case>({
      {Divergence::exit_before_barrier,
       "early exit",
       {"thread (0, 0, 0) waits at __syncthreads", line_of("exit_before_barrier"),
        "thread (40, 0, 0) has left the kernel"}},
      {Divergence::two_barriers,
       "two barriers",
       {line_of("first_barrier"), line_of("second_barrier"), "thread (0, 0, 0)", "thread (32, 0, 0)"}},
      {Divergence::two_barriers_on_one_line, "one line", {line_of("both_barriers"), "two different barriers"}},
      {Divergence::barrier_against_shuffle,
       "barrier and shuffle",
       {"thread (0, 0, 0) waits at __shfl_xor_sync with mask 0xffffffff", line_of("shuffle_of_others"),
        "thread (7, 0, 0) waits at __syncthreads", line_of("barrier_of_one")}},
      {Divergence::two_shuffles, "two shuffles", {line_of("even_shuffle"), line_of("odd_shuffle")}},
      {Divergence::exit_before_shuffle,
       "early exit",
       {"thread (0, 0, 0) waits at __shfl_xor_sync", line_of("sum_without_lane_5"),
        "thread (5, 0, 0) has left the kernel"}},
      {Divergence::mask_without_caller, "narrow mask", {"thread (16, 0, 0)", line_of("mask_without_caller")}},
      {Divergence::source_outside_mask, "far source", {"thread (0, 0, 0)", line_of("source_outside_mask")}},
  }));
  const std::string message = message_of(c.kind);
  INFO(message);
  CHECK(message.find("kernel '" + c.kernel + "'") != std::string::npos);
  CHECK(message.find("block (0, 0, 0)") != std::string::npos);
  for (const std::string& part : c.parts) {
    INFO("wanted: " << part);
    CHECK(message.find(part) != std::string::npos);
  }
}

TEST_CASE("the twin works on after an error") {
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(message_of(Divergence::exit_before_barrier).empty());
    std::vector<float> in(64, 2.0f), out(64);
    reverse_by_barrier(in.data(), out.data(), 1, 64);
    CHECK(out == in);
  }
}

TEST_CASE("shapes that a GPU refuses are refused with the launch's line") {
  struct Shape {
    dim3 grid, block;
    size_t shared_bytes;
  };
  const auto shape = GENERATE(values<Shape>({{dim3(0), dim3(32), 0},
                                             {dim3(1), dim3(0), 0},
                                             {dim3(1), dim3(1025), 0},
                                             {dim3(1), dim3(8, 8, 65), 0},
                                             {dim3(1, 65536), dim3(1), 0},
                                             {dim3(1), dim3(32), 228 * 1024}}));
  try {
    launch_shape(shape.grid, shape.block, shape.shared_bytes);
    FAIL("accepted");
  } catch (const plumbline::BackendError& error) {
    const std::string message = error.what();
    INFO(message);
    CHECK(message.find("launch of 'nothing'") != std::string::npos);
    CHECK(message.find("faulty_kernels.cu:") != std::string::npos);
    CHECK(message.find("grid (") != std::string::npos);
  }
}
