// SPDX-License-Identifier: Apache-2.0
// A signal handler may call next to nothing: all texts are made beforehand.
#include "run/interruption.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>

#include "core/printable.h"

namespace plumbline::run {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

struct Texts {
  std::string part, journal, kept, dropped;
};
Texts texts;  // unchanged while a handler is installed
struct sigaction previous[std::size(kSignals)];
std::atomic<bool> recorded{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a handler must not wait");

/// Restored by SA_RESETHAND, the signal's default action ends the program as soon as this returns.
void on_signal(int signal) {
  if (!recorded) {
    ::unlink(texts.part.c_str());
    ::unlink(texts.journal.c_str());
  }
  const std::string& text = recorded ? texts.kept : texts.dropped;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  ::raise(signal);
}

}  // namespace

Interruption::Interruption(const std::filesystem::path& output) {
  const std::string part = output.string() + ".part", shown = printable_text(part);
  texts = {part, part + ".journal",
           "\nplumbline run: interrupted\n  " + shown + " holds what was recorded so far\n  `plumbline recover " +
               shown + " -o FILE` makes a trace of it; --force starts over\n",
           "\nplumbline run: interrupted before the first tap; nothing is left behind\n"};
  recorded = false;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    ::sigaction(kSignals[i], nullptr, &previous[i]);
    if (previous[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &previous[i], nullptr);
}

void note_recorded() { recorded = true; }

}  // namespace plumbline::run
