// SPDX-License-Identifier: Apache-2.0
#include "unit/trace/crash_switch.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>

namespace plumbline::test {
namespace {

bool armed = false;
Crash mode = Crash::count;
int due = 0, calls = 0;
Seen* notes = nullptr;

/// What becomes of the call that is about to be made.
enum class Fate { pass, half, fail };

Fate next_call(bool writes) {
  if (!armed) return Fate::pass;
  ++calls;
  if (notes != nullptr) notes->calls = calls;
  if (mode == Crash::count || calls < due) return Fate::pass;
  if (mode == Crash::no_space) return writes ? Fate::fail : Fate::pass;
  if (calls > due) return Fate::pass;
  if (mode == Crash::torn_kill && writes) return Fate::half;
  ::kill(::getpid(), SIGKILL);
  return Fate::pass;
}

template <class Write>
ssize_t written(size_t bytes, Write&& write) {
  switch (next_call(true)) {
    case Fate::pass: return write(bytes);
    case Fate::fail: errno = ENOSPC; return -1;
    case Fate::half: break;
  }
  write(bytes / 2);
  ::kill(::getpid(), SIGKILL);
  return -1;
}

void note_append() {
  if (armed && notes != nullptr) ++notes->appends;
}

}  // namespace

void arm(Crash crash, int nth_call) {
  mode = crash;
  due = nth_call;
  calls = 0;
  armed = true;
}

int calls_so_far() { return calls; }
void keep_notes_in(Seen* seen) { notes = seen; }

}  // namespace plumbline::test

using plumbline::test::Fate;
using plumbline::test::next_call;
using plumbline::test::written;

extern "C" {

ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
  return written(bytes, [&](size_t n) { return ::syscall(SYS_pwrite64, fd, data, n, offset); });
}
ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t offset) {
  return written(bytes, [&](size_t n) { return ::syscall(SYS_pwrite64, fd, data, n, offset); });
}
ssize_t write(int fd, const void* data, size_t bytes) {
  if (fd <= STDERR_FILENO) return ::syscall(SYS_write, fd, data, bytes);
  const ssize_t done = written(bytes, [&](size_t n) { return ::syscall(SYS_write, fd, data, n); });
  if (done == static_cast<ssize_t>(bytes)) plumbline::test::note_append();
  return done;
}
int ftruncate(int fd, off_t bytes) noexcept {
  next_call(false);
  return static_cast<int>(::syscall(SYS_ftruncate, fd, bytes));
}
int renameat2(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) noexcept {
  next_call(false);
  return static_cast<int>(::syscall(SYS_renameat2, from_directory, from, to_directory, to, flags));
}
int unlink(const char* name) noexcept {
  next_call(false);
  return static_cast<int>(::syscall(SYS_unlink, name));
}

}  // extern "C"
