// SPDX-License-Identifier: Apache-2.0
// A signal handler may call next to nothing: all texts are made beforehand.
#include "run/interruption.h"

#include <unistd.h>

#include <atomic>
#include <string>

#include "core/printable.h"

namespace plumbline::run {
namespace {

struct Texts {
  std::string part, journal, kept, dropped;
};
Texts texts;  // unchanged while a handler is installed
std::atomic<bool> recorded{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a handler must not wait");

void say_what_is_left() {
  if (!recorded) {
    ::unlink(texts.part.c_str());
    ::unlink(texts.journal.c_str());
  }
  const std::string& text = recorded ? texts.kept : texts.dropped;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

Interruption::Interruption(const std::filesystem::path& output) {
  const std::string part = output.string() + ".part", shown = printable_text(part);
  texts = {part, part + ".journal",
           "\nplumbline run: interrupted\n  " + shown + " holds what was recorded so far\n  `plumbline recover " +
               shown + " -o FILE` makes a trace of it; --force starts over\n",
           "\nplumbline run: interrupted before the first tap; nothing is left behind\n"};
  recorded = false;
  handler_.emplace(say_what_is_left);
}

void note_recorded() { recorded = true; }

}  // namespace plumbline::run
