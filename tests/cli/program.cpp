// SPDX-License-Identifier: Apache-2.0
// Processes and fixtures of the tests of the command line.
#include "cli/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <filesystem>
#include <map>
#include <stdexcept>

#include "support/catch.h"
#include "support/tiny_model.h"

extern char** environ;

namespace plumbline::test {
namespace {

const TempDirectory& shared() {
  static const TempDirectory directory;
  return directory;
}

TinyModelOptions small(uint64_t seed) {
  TinyModelOptions options;
  options.layers = 4;
  options.seed = seed;
  return options;
}

std::string tokens_file(int count) {
  const std::string text = "Permission is hereby granted, free of charge, to any person obtaining a copy of this text.";
  std::string ids = "[";
  for (int i = 0; i < count; ++i)
    ids += (i == 0 ? "" : ", ") + std::to_string(static_cast<int>(text[static_cast<size_t>(i) % text.size()]));
  const std::string file = scratch("tokens" + std::to_string(count) + ".json");
  write_file(file, ids + "]\n");
  return file;
}

}  // namespace

std::string scratch(const std::string& name) { return (shared() / name).string(); }

Said run_program(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string program = name.find('/') != std::string::npos ? name : PLUMBLINE_BINARY_DIR "/bin/" + name;
  const std::string out = scratch("stdout"), err = scratch("stderr");
  std::vector<std::string> copy{program};
  copy.insert(copy.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : copy) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::unsetenv("COLUMNS");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + program);
  int state = 0;
  ::waitpid(child, &state, 0);
  return {WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state), read_file(out), read_file(err)};
}

bool Said::tells(const std::string& text) const {
  std::string joined;
  for (const char c : out) {
    const bool blank = c == ' ' || c == '\n';
    if (!blank || joined.empty() || joined.back() != ' ') joined += blank ? ' ' : c;
  }
  return joined.find(text) != std::string::npos;
}

Said call(const std::vector<std::string>& arguments) { return run_program("plumbline", arguments); }

std::string model_directory() {
  static const TempDirectory directory = write_tiny_model(small(1));
  return directory.path().string();
}

std::string other_model_directory() {
  static const TempDirectory directory = write_tiny_model(small(2));
  return directory.path().string();
}

std::string programs_with_find(const std::string& name, const std::string& script) {
  const std::string folder = scratch(name), program = folder + "/plumbline";
  std::filesystem::create_directories(folder);
  write_file(program, "#!/bin/bash\nreal=" PLUMBLINE_BINARY_DIR
                      "/bin/plumbline\n[ \"$1\" = find ] || exec \"$real\" \"$@\"\n" +
                          script + "\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  return folder;
}

std::string record(const std::string& name, const Recording& recording) {
  static std::map<std::string, std::string> made;
  const auto found = made.find(name);
  if (found != made.end()) return found->second;
  const std::string file = scratch(name);
  std::vector<std::string> arguments{"run",       recording.model.empty() ? model_directory() : recording.model,
                                     "--backend", recording.backend,
                                     "--tokens",  tokens_file(recording.tokens),
                                     "-o",        file};
  arguments.insert(arguments.end(), recording.options.begin(), recording.options.end());
  const Said said = call(arguments);
  INFO(said.err);
  REQUIRE(said.status == 0);
  return made.emplace(name, file).first->second;
}

}  // namespace plumbline::test
