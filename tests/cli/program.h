// SPDX-License-Identifier: Apache-2.0
// Runs the built programs as a user does, and keeps what they said. A small checkpoint and traces of it, made by
// plumbline-run on first use, are shared by the tests of one program.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace plumbline::test {

struct Said {
  int status = -1;  ///< exit status; 128 + signal if it died of one
  std::string out, err;
  bool says(const std::string& text) const { return out.find(text) != std::string::npos; }
  bool complains(const std::string& text) const { return err.find(text) != std::string::npos; }
  /// The same of standard output with its lines joined: a sentence counts wherever it is wrapped.
  bool tells(const std::string& text) const;
};

/// build/bin/NAME with these arguments, without a shell; COLUMNS unset.
Said run_program(const std::string& name, const std::vector<std::string>& arguments);
/// build/bin/plumbline.
Said call(const std::vector<std::string>& arguments);

/// The model directory (four layers, random weights) that all traces are made of.
std::string model_directory();
/// A second checkpoint with other weights.
std::string other_model_directory();
/// A file name in a directory that lives as long as the program.
std::string scratch(const std::string& name);

/// A folder with a plumbline that does what the real one does, but `find` as `script` ($real is the real one) says.
std::string programs_with_find(const std::string& name, const std::string& script);

struct Recording {
  std::string backend = "twin";
  std::vector<std::string> options;  ///< further options of `plumbline run`
  std::string model;                 ///< default: model_directory()
  int tokens = 16;                   ///< how many of a fixed text
};
/// Records NAME once and gives its file. A run that fails is a failed test.
std::string record(const std::string& name, const Recording& recording = {});

}  // namespace plumbline::test
