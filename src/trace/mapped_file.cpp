// SPDX-License-Identifier: Apache-2.0
#include "trace/mapped_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "trace/posix_file.h"

namespace plumbline::trace {
namespace {

// What the signal handler may read: plain slots, no locks, no allocation. A mapping beyond the last slot is unguarded.
struct Slot {
  std::atomic<bool> taken = false;
  std::atomic<uintptr_t> begin = 0, end = 0;
  std::array<char, 256> name{};
};
std::array<Slot, 256> slots;
struct sigaction previous_handler {};

void say(const char* text) { (void)!::write(STDERR_FILENO, text, std::strlen(text)); }

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (const Slot& slot : slots) {
    if (address < slot.begin.load() || address >= slot.end.load()) continue;
    say("error: trace ");
    say(slot.name.data());
    say(" was cut short while it was being read\n  take another copy; a trace must not change while it is compared\n");
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

int take_slot(uintptr_t begin, size_t bytes, const std::string& name) {
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].taken.exchange(true)) continue;
    std::strncpy(slots[i].name.data(), name.c_str(), slots[i].name.size() - 1);
    slots[i].begin = begin;
    slots[i].end = begin + bytes;
    return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

MappedFile::MappedFile(void* address, size_t bytes, const std::filesystem::path& name)
    : address_(address), bytes_(bytes) {
  if (bytes_ > 0) slot_ = take_slot(reinterpret_cast<uintptr_t>(address_), bytes_, name.string());
}

MappedFile::~MappedFile() {
  if (slot_ >= 0) {
    Slot& slot = slots[static_cast<size_t>(slot_)];
    slot.end = 0;
    slot.begin = 0;
    slot.taken = false;
  }
  if (bytes_ > 0) ::munmap(address_, bytes_);
}

std::shared_ptr<const MappedFile> MappedFile::map(int fd, int64_t bytes, const std::filesystem::path& name) {
  install_guard();
  void* address = nullptr;
  if (bytes > 0) {
    address = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) throw system_error("map", name, errno);
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(address, static_cast<size_t>(bytes), name));
}

}  // namespace plumbline::trace
