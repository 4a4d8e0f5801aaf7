// SPDX-License-Identifier: Apache-2.0
// The verbs of the program, one file each. Each function adds its subcommand to the parser; the callback does the work
// and stores the exit status (DESIGN 8). Errors leave a callback as exceptions; main prints them.
#pragma once
#include <CLI/CLI.hpp>
#include <string_view>

namespace plumbline {

void add_find(CLI::App& app, int& status);
void add_diff(CLI::App& app, int& status);
void add_gate(CLI::App& app, int& status);
void add_policy(CLI::App& app, int& status);
void add_show(CLI::App& app, int& status);
void add_make_model(CLI::App& app, int& status);
void add_import(CLI::App& app, int& status);
void add_audit(CLI::App& app, int& status);
void add_tokens(CLI::App& app, int& status);
void add_blame(CLI::App& app, int& status);
void add_bounds(CLI::App& app, int& status);
void add_contracts(CLI::App& app, int& status);
void add_noise(CLI::App& app, int& status);
void add_repro(CLI::App& app, int& status);
void add_observer(CLI::App& app, int& status);
void add_ls(CLI::App& app, int& status);
void add_faults(CLI::App& app, int& status);
void add_doctor(CLI::App& app, int& status);
void add_verify(CLI::App& app, int& status);
void add_recover(CLI::App& app, int& status);
void add_explain(CLI::App& app, int& status);
void add_completions(CLI::App& app, int& status);
void add_man(CLI::App& app, int& status);
/// For the help text only: main hands `run`, `generate` and `order` over before options are parsed.
void add_run(CLI::App& app);
void add_generate(CLI::App& app);
void add_order(CLI::App& app);
/// Whether plumbline-run does this verb.
bool is_backend_verb(std::string_view name);
/// Whether argv[1] is such a verb.
bool is_backend_verb(int argc, char** argv);
/// Replaces this process by plumbline-run, which stands beside it; its exit status becomes ours.
/// Returns only by throwing InputError (the program is not there or cannot be executed).
[[noreturn]] void run_backend(int argc, char** argv);

}  // namespace plumbline
