// SPDX-License-Identifier: Apache-2.0
// Runs provoke.cu's program and keeps what it said.
#pragma once
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "support/catch.h"

namespace plumbline::test {

struct Said {
  int status;
  std::string text;
  bool says(const std::string& part) const { return text.find(part) != std::string::npos; }
};

/// `settings`: of the environment, as a shell has them.
inline Said provoke(const std::string& what, const std::string& settings = "") {
  const std::string command = settings + " '" PLUMBLINE_PROVOKE "' " + what + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Said said{-1, ""};
  std::array<char, 4096> buffer;
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) said.text.append(buffer.data(), count);
  const int status = pclose(pipe);
  said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return said;
}

}  // namespace plumbline::test
