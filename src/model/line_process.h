// SPDX-License-Identifier: Apache-2.0
// A program that answers each line with one line, started without a shell. Invariant: it lives no longer than this
// object, and its standard error goes nowhere.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

namespace plumbline {

class LineProcess {
 public:
  /// `words`: the program, sought in PATH if it has no slash, and its arguments. Throws InputError if it cannot be
  /// started.
  explicit LineProcess(std::vector<std::string> words);
  ~LineProcess();
  LineProcess(const LineProcess&) = delete;
  LineProcess& operator=(const LineProcess&) = delete;

  /// The answer to `line`, both without their newlines. Throws InputError if the program has ended or answers with more
  /// than 1 GiB.
  std::string ask(const std::string& line);

 private:
  pid_t child_ = -1;
  int to_ = -1, from_ = -1;
  std::string waiting_;  // read, but of the next line
};

}  // namespace plumbline
