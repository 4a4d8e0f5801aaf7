// SPDX-License-Identifier: Apache-2.0
// If somebody cuts a file short while it is mapped, touching a lost page raises SIGBUS. While a guard stands over the
// mapping, the handler installed with the first one then prints which file it was, says the last words of
// on_termination.h, and ends the program with status 2 (unusable input) instead of a crash. Faults elsewhere go to
// whoever handled SIGBUS before. Left to others: the mapping.
#pragma once
#include <cstddef>
#include <string>

namespace plumbline {

class CutShortGuard {
 public:
  /// Over `bytes` (may be 0) at `data`; `kind` of file, a literal, and its name are for the message.
  CutShortGuard(const void* data, size_t bytes, const char* kind, const std::string& name);
  ~CutShortGuard();
  CutShortGuard(const CutShortGuard&) = delete;
  CutShortGuard& operator=(const CutShortGuard&) = delete;

 private:
  int slot_ = -1;
};

}  // namespace plumbline
