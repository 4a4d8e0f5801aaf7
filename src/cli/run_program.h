// SPDX-License-Identifier: Apache-2.0
// The program that executes backends, plumbline-run: where it is, and what it says about itself.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace plumbline {

/// plumbline-run in the directory of this program; nullopt if it is not there.
std::optional<std::filesystem::path> run_program();

struct ProgramOutput {
  int status = -1;   ///< exit status; -1 if it could not be started or died of a signal
  std::string text;  ///< standard output
};
/// Runs a program without a shell and collects what it prints. Throws nothing: a failure is a status.
ProgramOutput capture(const std::filesystem::path& program, const std::vector<std::string>& arguments);

}  // namespace plumbline
