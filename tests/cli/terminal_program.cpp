// SPDX-License-Identifier: Apache-2.0
// A pseudo-terminal and a child on it.
#include "cli/terminal_program.h"

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

namespace plumbline::test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

/// A terminal whose child has gone ends with an error, not with an end of file.
std::string read_all(int terminal) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(terminal, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<size_t>(got));
  return text;
}

}  // namespace

Seen on_terminal(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment,
                 unsigned short columns) {
  std::vector<std::string> words{PLUMBLINE_BINARY_DIR "/bin/plumbline"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const char* path = std::getenv("PATH");
  std::vector<std::string> variables{"PATH=" + std::string(path == nullptr ? "/usr/bin:/bin" : path)};
  if (!environment.contains("TERM")) variables.emplace_back("TERM=xterm");
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  const std::vector<char*> argv = pointers(words), envp = pointers(variables);
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) throw std::runtime_error("no pseudo-terminal");
  if (child == 0) {
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  Seen seen;
  seen.text = read_all(terminal);
  int state = 0;
  ::waitpid(child, &state, 0);
  ::close(terminal);
  seen.status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
  return seen;
}

}  // namespace plumbline::test
