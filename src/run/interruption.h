// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and its like while a trace is being written: the person is told what became of it, and the program ends by
// that very signal. Invariant: what was recorded stays for recover; if nothing was, no file is left to block the next
// run.
#pragma once
#include <filesystem>
#include <optional>

#include "core/on_termination.h"

namespace plumbline::run {

/// One at a time. While it lives, SIGINT, SIGTERM and SIGHUP (unless ignored, as under nohup) name what is left of
/// `output`; afterwards they are what they were.
class Interruption {
 public:
  explicit Interruption(const std::filesystem::path& output);
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  std::optional<OnTermination> handler_;  ///< installed last, once the texts stand
};

/// From now on there is something to recover.
void note_recorded();

}  // namespace plumbline::run
