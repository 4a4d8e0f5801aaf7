// SPDX-License-Identifier: Apache-2.0
#include "core/on_termination.h"

#include <atomic>
#include <iterator>

namespace plumbline {
namespace {

std::atomic<void (*)()> action = nullptr;  // unchanged while a handler is installed
struct sigaction previous[std::size(kTerminations)];

/// Restored by SA_RESETHAND, the signal's default action ends the program as soon as this returns.
void on_signal(int signal) {
  say_last_words();
  ::raise(signal);
}

}  // namespace

void say_last_words() {
  if (void (*const act)() = action) act();
}

OnTermination::OnTermination(void (*act)()) {
  action = act;
  struct sigaction installed {};
  installed.sa_handler = on_signal;
  installed.sa_flags = static_cast<int>(SA_RESETHAND);
  for (size_t i = 0; i < std::size(kTerminations); ++i) {
    ::sigaction(kTerminations[i], nullptr, &previous[i]);
    if (previous[i].sa_handler != SIG_IGN) ::sigaction(kTerminations[i], &installed, nullptr);
  }
}

OnTermination::~OnTermination() {
  action = nullptr;
  for (size_t i = 0; i < std::size(kTerminations); ++i) ::sigaction(kTerminations[i], &previous[i], nullptr);
}

}  // namespace plumbline
