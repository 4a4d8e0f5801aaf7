// SPDX-License-Identifier: Apache-2.0
// Last words of a program that a person or the system ends (Ctrl-C and its like). Invariant: it ends by that very
// signal, so that a shell or a job sees what happened; what is to be said or removed is the caller's.
#pragma once
#include <csignal>

namespace plumbline {

inline constexpr int kTerminations[] = {SIGINT, SIGTERM, SIGHUP};

/// One at a time. While it lives, each of these signals (unless it is ignored, as under nohup) calls `act` once, in a
/// signal handler: it may call next to nothing. Afterwards the signals are what they were.
class OnTermination {
 public:
  explicit OnTermination(void (*act)());
  ~OnTermination();
  OnTermination(const OnTermination&) = delete;
  OnTermination& operator=(const OnTermination&) = delete;
};

/// For a handler of another signal that ends the program: calls the `act` of the OnTermination that lives, if one does.
void say_last_words();

}  // namespace plumbline
