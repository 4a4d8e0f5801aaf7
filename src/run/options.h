// SPDX-License-Identifier: Apache-2.0
// The command line of plumbline-run. `plumbline run` forwards to this program, so the names here are the user's.
// Invariant: what parse_options returns is complete and free of contradictions; files are not looked at yet.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace plumbline::run {

struct RunOptions {
  std::filesystem::path model;
  std::string backend;                      ///< torch, twin, cuda, oracle
  std::optional<std::string> prompt;        ///< exactly one of prompt and tokens
  bool chat = false;                        ///< the prompt is a user's message, set in the model's chat template
  std::string system;                       ///< a system's message before it; "": none
  std::filesystem::path tokens;             ///< ids, or a trace to replay
  int64_t prefill = 0;                      ///< tokens of the first step; 0: all (a trace: as it was)
  int64_t new_tokens = 0;                   ///< greedy tokens to add
  std::vector<std::string> faults;          ///< "rope.theta=1e4@layer.3"
  std::vector<std::string> taps = {"all"};  ///< globs, and the words of selection.h
  int threads = 0;                          ///< 0: the backend's own choice
  std::string device = "cpu";               ///< of backend torch
  std::string dtype;                        ///< bf16, f16, f32; "": the checkpoint's own
  std::string attention;                    ///< eager, sdpa: backend torch; "": eager
  int64_t batch = 1;                        ///< copies of the sequence that backend torch computes at once
  std::vector<std::string> kernels;         ///< "qkv=single": backends twin, cuda and oracle
  std::string numerics = "portable";        ///< whose bits the kernels give: backends twin and cuda
  std::string check;                        ///< "races": backend twin
  int64_t ring_bytes = 0;                   ///< of the ring of taps: backends twin and cuda; 0: their own choice
  bool verify_taps = false, force = false, json = false, list_backends = false, option_table = false;
  bool audit = true;  ///< warn of a checkpoint whose weights look wrong
  std::filesystem::path output;
};

/// --chat and --system, which `run` and `generate` share.
void declare_chat(CLI::App& app, RunOptions& options);

/// Throws UsageError. `finished` is set, and its text returned by help, if only --help or --version was asked for.
struct ParsedOptions {
  RunOptions options;
  std::optional<std::string> finished;
};
ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace plumbline::run
