// SPDX-License-Identifier: Apache-2.0
// Finding, executing and asking plumbline-run, with plain POSIX calls and no shell.
#include "cli/run_program.h"

#include <fcntl.h>
#include <plumbline/error.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "cli/verbs.h"

extern char** environ;

namespace plumbline {
namespace {

namespace fs = std::filesystem;

std::vector<char*> argument_list(std::string& program, std::vector<std::string>& arguments) {
  std::vector<char*> list{program.data()};
  for (std::string& argument : arguments) list.push_back(argument.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

std::optional<fs::path> run_program() {
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return std::nullopt;
  const fs::path program = self.parent_path() / "plumbline-run";
  return ::access(program.c_str(), X_OK) == 0 ? std::optional(program) : std::nullopt;
}

ProgramOutput capture(const fs::path& program, const std::vector<std::string>& arguments) {
  ProgramOutput output;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return output;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string name = program.string();
  std::vector<std::string> copy = arguments;
  pid_t child = 0;
  const int started =
      ::posix_spawnp(&child, name.c_str(), &actions, nullptr, argument_list(name, copy).data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (started == 0) {
    std::array<char, 4096> buffer{};
    for (ssize_t got = 0; (got = ::read(ends[0], buffer.data(), buffer.size())) != 0;) {
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) break;
      output.text.append(buffer.data(), static_cast<size_t>(got));
    }
    int state = 0;
    while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(state)) output.status = WEXITSTATUS(state);
  }
  ::close(ends[0]);
  return output;
}

bool is_backend_verb(std::string_view name) { return name == "run" || name == "generate" || name == "order"; }

bool is_backend_verb(int argc, char** argv) { return argc > 1 && is_backend_verb(argv[1]); }

void run_backend(int argc, char** argv) {
  const std::optional<fs::path> program = run_program();
  if (!program)
    throw InputError("plumbline run: the program plumbline-run is not there", {"looked: beside this program"},
                     "build the target plumbline-run, or install both programs together");
  std::string name = program->string();
  std::vector<std::string> arguments(argv + 2, argv + argc);
  if (std::string_view(argv[1]) != "run") arguments.insert(arguments.begin(), "--" + std::string(argv[1]));
  ::execv(name.c_str(), argument_list(name, arguments).data());
  throw InputError("plumbline run: cannot execute plumbline-run", {name, std::strerror(errno)},
                   "check the file's permissions");
}

}  // namespace plumbline
