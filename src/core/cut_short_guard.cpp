// SPDX-License-Identifier: Apache-2.0
// Invariant: cut_short_guard.h.
#include "core/cut_short_guard.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

#include "core/on_termination.h"

namespace plumbline {
namespace {

// What the signal handler may read: plain slots, no locks, no allocation. A mapping beyond the last slot is unguarded.
struct Slot {
  std::atomic<bool> taken = false;
  std::atomic<uintptr_t> begin = 0, end = 0;
  const char* kind = "";
  std::array<char, 256> name{};
};
std::array<Slot, 256> slots;
struct sigaction previous_handler {};

void say(const char* text) { (void)!::write(STDERR_FILENO, text, std::strlen(text)); }

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Slot& slot : slots) {
    if (address < slot.begin.load() || address >= slot.end.load()) continue;
    for (const char* part : {"error: ", slot.kind, " ", static_cast<const char*>(slot.name.data()),
                             " was cut short while it was being read\n  take another copy; a ", slot.kind,
                             " must not change while it is read\n"})
      say(part);
    say_last_words();
    ::_exit(2);
  }
  if (previous_handler.sa_flags & SA_SIGINFO) {
    previous_handler.sa_sigaction(signal, info, context);
  } else if (previous_handler.sa_handler != SIG_DFL && previous_handler.sa_handler != SIG_IGN) {
    previous_handler.sa_handler(signal);
  } else {
    ::sigaction(SIGBUS, &previous_handler, nullptr);  // the fault repeats and takes its default course
  }
}

void install_guard() {
  static const bool once = [] {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &previous_handler);
    return true;
  }();
  (void)once;
}

}  // namespace

CutShortGuard::CutShortGuard(const void* data, size_t bytes, const char* kind, const std::string& name) {
  if (bytes == 0) return;
  install_guard();
  const auto begin = reinterpret_cast<uintptr_t>(data);
  for (size_t i = 0; i < slots.size() && slot_ < 0; ++i) {
    if (slots[i].taken.exchange(true)) continue;
    slots[i].kind = kind;
    slots[i].name.fill(0);
    std::strncpy(slots[i].name.data(), name.c_str(), slots[i].name.size() - 1);
    slots[i].begin = begin;
    slots[i].end = begin + bytes;
    slot_ = static_cast<int>(i);
  }
}

CutShortGuard::~CutShortGuard() {
  if (slot_ < 0) return;
  Slot& slot = slots[static_cast<size_t>(slot_)];
  slot.end = 0;
  slot.begin = 0;
  slot.taken = false;
}

}  // namespace plumbline
