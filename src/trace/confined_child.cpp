// SPDX-License-Identifier: Apache-2.0
#include "trace/confined_child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "trace/bytes.h"
#include "trace/hdf5_handle.h"
#include "trace/posix_file.h"

namespace plumbline::trace {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kMostReplyBytes = uint64_t{1} << 30;
constexpr uint8_t kReply = 1, kFailure = 2;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // their shadow is terabytes of address space, and their checks open pipes
#else
constexpr bool kSanitized = false;
#endif

void limit(__rlimit_resource_t what, uint64_t soft, uint64_t hard) {
  struct rlimit value {};
  ::getrlimit(what, &value);
  value.rlim_max = std::min<rlim_t>(value.rlim_max, hard);
  value.rlim_cur = std::min<rlim_t>(value.rlim_max, soft);
  ::setrlimit(what, &value);
}

uint64_t mapped_bytes() {
  uint64_t pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%lu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

void confine(const ChildLimits& limits) {
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT, SIGPIPE, SIGXCPU, SIGXFSZ})
    ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  limit(RLIMIT_CORE, 0, 0);
  limit(RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 1);
  limit(RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes);
  if (!kSanitized) {
    const uint64_t most = mapped_bytes() + limits.memory_bytes;
    limit(RLIMIT_AS, most, most);
  }
  const int null = ::open("/dev/null", O_RDWR);  // a dying C library must not talk over the report
  for (const int fd : {0, 1, 2}) ::dup2(null, fd);
  H5PLset_loading_state(0);  // else a filter number in the file loads a plugin
}

/// The child's whole life.
[[noreturn]] void serve(int out, const std::function<std::string()>& work, const ChildLimits& limits,
                        const std::filesystem::path& file) {
  uint8_t status = kFailure;
  std::string text = "cannot read trace " + file.string() + "\n  its structure needs more memory than a trace can need";
  try {
    confine(limits);
    quiet_hdf5();
    text = work();
    status = kReply;
  } catch (const std::bad_alloc&) {
  } catch (const std::exception& error) {
    text = error.what();
  }
  try {
    ByteWriter frame;
    frame.u8(status);
    frame.text(text);
    append(out, frame.data(), "the parent's pipe");
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

bool is_whole(std::string_view frame) {
  uint64_t bytes = 0;
  if (frame.size() < 1 + sizeof bytes) return false;
  std::memcpy(&bytes, frame.data() + 1, sizeof bytes);
  return frame.size() - 1 - sizeof bytes >= bytes;
}

enum class End { whole, closed, late, oversized };

End receive(int in, std::string& frame, Clock::time_point deadline) {
  std::array<char, 65536> buffer;
  while (!is_whole(frame)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return End::late;
    pollfd wait{in, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, 1000))) <= 0) continue;
    const ssize_t got = ::read(in, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return End::closed;
    frame.append(buffer.data(), static_cast<size_t>(got));
    if (frame.size() > kMostReplyBytes) return End::oversized;
  }
  return End::whole;
}

/// Waits for a child that closed its pipe (kills it if it lingers); what it died of.
std::string cause_of_death(pid_t child, Clock::time_point deadline) {
  int status = 0;
  pid_t gone = 0;
  while ((gone = ::waitpid(child, &status, WNOHANG)) == 0 && Clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (gone == 0) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return "hung";
  }
  if (gone < 0) return "vanished";
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) return "ran out of time";
  if (WIFSIGNALED(status)) return std::string("crashed: ") + ::strsignal(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

void kill_and_reap(pid_t child) {
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

TraceError died(const std::filesystem::path& file, const std::string& how) {
  return file_error("read trace", file, "the HDF5 structure is damaged or hostile: the confined reader " + how,
                    "take another copy or record the run again; do not open the file with other HDF5 tools");
}

}  // namespace

void forbid_opening_files() {
  if (!kSanitized) limit(RLIMIT_NOFILE, 0, 0);
}

std::string run_confined(const std::function<std::string()>& work, const ChildLimits& limits,
                         const std::filesystem::path& file) {
  Fd in;
  pid_t child = -1;
  {
    const std::lock_guard lock(hdf5_mutex());  // no HDF5 call is under way, and no sibling inherits our pipe
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("read trace", file, errno);
    in = Fd(ends[0]);
    const Fd out(ends[1]);
    child = ::fork();
    if (child < 0) throw system_error("read trace", file, errno);
    if (child == 0) serve(out.get(), work, limits, file);
  }
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(limits.wall_seconds);
  std::string frame;
  const End end = receive(in.get(), frame, deadline);
  if (end == End::closed) throw died(file, cause_of_death(child, deadline));
  kill_and_reap(child);
  if (end == End::late) throw died(file, "hung");
  if (end == End::oversized) throw died(file, "sent more than a trace can hold");
  ByteReader reader(frame);
  const uint8_t status = reader.u8();
  std::string text = reader.text();
  if (status == kFailure) throw TraceError(text);
  return text;
}

}  // namespace plumbline::trace
