// SPDX-License-Identifier: Apache-2.0
// Runs a program with a terminal of its own as standard output and error, as a person sees it.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace plumbline::test {

struct Seen {
  int status = -1;
  std::string text;  ///< both streams, as they reached the terminal (lines end in \r\n)
  bool shows(const std::string& part) const { return text.find(part) != std::string::npos; }
};

/// build/bin/plumbline on a terminal of 24 rows; `environment` is all the environment it gets besides PATH and TERM.
Seen on_terminal(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment = {},
                 unsigned short columns = 80);

}  // namespace plumbline::test
