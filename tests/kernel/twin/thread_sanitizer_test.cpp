// SPDX-License-Identifier: Apache-2.0
// In a thread-sanitizer build every CUDA thread is a thread to the sanitizer: it names both lines of a race, even where
// the output is right, and is silent about sound kernels.
#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include <sys/wait.h>

#include "support/catch.h"

namespace {

struct Outcome {
  int status;
  std::string text;
};

Outcome run_program(const std::string& kernel) {
  const std::string command =
      std::string("TSAN_OPTIONS=exitcode=66 '") + PLUMBLINE_RACE_PROGRAM + "' " + kernel + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Outcome outcome{-1, ""};
  std::array<char, 4096> chunk;
  while (const size_t got = fread(chunk.data(), 1, chunk.size(), pipe)) outcome.text.append(chunk.data(), got);
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

std::string line_of(const std::string& name) {
  std::ifstream source(PLUMBLINE_SOURCE_DIR "/tests/kernel/twin/faulty_kernels.cu");
  std::string line;
  for (int number = 1; std::getline(source, line); ++number) {
    if (line.ends_with("// line: " + name)) return "faulty_kernels.cu:" + std::to_string(number);
  }
  throw std::runtime_error("no line is marked " + name);
}

}  // namespace

TEST_CASE("the thread sanitizer names both lines of a planted race") {
  const std::string kernel = GENERATE(as<std::string>(), "raw", "war");
  const Outcome outcome = run_program(kernel);
  INFO(outcome.text);
  CHECK(outcome.status == 66);
  CHECK(outcome.text.find("data race") != std::string::npos);
  CHECK(outcome.text.find(line_of(kernel + "_write")) != std::string::npos);
  CHECK(outcome.text.find(line_of(kernel + "_read")) != std::string::npos);
}

TEST_CASE("the thread sanitizer has nothing to say about sound kernels") {
  const Outcome outcome = run_program("sound");
  INFO(outcome.text);
  CHECK(outcome.status == 0);
  CHECK(outcome.text.empty());
}
