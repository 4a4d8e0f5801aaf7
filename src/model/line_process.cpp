// SPDX-License-Identifier: Apache-2.0
// Two pipes and posix_spawn.
#include "model/line_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <plumbline/error.h>

extern char** environ;

namespace plumbline {
namespace {

constexpr size_t kMaxAnswer = size_t{1} << 30;

/// A reader that has gone is an error of write here, whatever the program does with that signal elsewhere.
class NoPipeSignal {
 public:
  NoPipeSignal() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~NoPipeSignal() { std::signal(SIGPIPE, before_); }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  void (*before_)(int);
};

int start(std::vector<std::string>& words, int input, int output, pid_t& child) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int failed = ::posix_spawnp(&child, list.front(), &actions, nullptr, list.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

bool write_all(int file, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t wrote = ::write(file, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    done += static_cast<size_t>(wrote);
  }
  return true;
}

}  // namespace

LineProcess::LineProcess(std::vector<std::string> words) {
  std::array<int, 2> there{}, back{};
  if (::pipe2(there.data(), O_CLOEXEC) != 0) throw InputError("cannot make a pipe", {std::strerror(errno)}, "");
  if (::pipe2(back.data(), O_CLOEXEC) != 0) {
    const int problem = errno;
    ::close(there[0]);
    ::close(there[1]);
    throw InputError("cannot make a pipe", {std::strerror(problem)}, "");
  }
  const int failed = start(words, there[0], back[1], child_);
  ::close(there[0]);
  ::close(back[1]);
  to_ = there[1];
  from_ = back[0];
  if (failed == 0) return;
  ::close(to_);
  ::close(from_);
  throw InputError("cannot start " + words.front() + ": " + std::strerror(failed));
}

LineProcess::~LineProcess() {
  ::close(to_);  // the end of its input is its end
  ::close(from_);
  int state = 0;
  while (::waitpid(child_, &state, 0) < 0 && errno == EINTR) {
  }
}

std::string LineProcess::ask(const std::string& line) {
  const NoPipeSignal guard;
  if (!write_all(to_, line + "\n")) throw InputError("the program that was asked has ended");
  std::vector<char> buffer(size_t{1} << 16);
  size_t searched = 0;
  for (;;) {
    if (const size_t end = waiting_.find('\n', searched); end != std::string::npos) {
      std::string answer = waiting_.substr(0, end);
      waiting_.erase(0, end + 1);
      return answer;
    }
    searched = waiting_.size();
    if (searched > kMaxAnswer) throw InputError("the program that was asked answers without end");
    const ssize_t got = ::read(from_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) throw InputError("the program that was asked has ended without an answer");
    waiting_.append(buffer.data(), static_cast<size_t>(got));
  }
}

}  // namespace plumbline
