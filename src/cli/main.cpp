// SPDX-License-Identifier: Apache-2.0
// The program `plumbline`: parse, call the verb, print. The one place where errors end: exit status 2.
#include <plumbline/error.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_line.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "core/process_start.h"
#include "core/progress.h"
#include "report/escape.h"

namespace plumbline {
namespace {

constexpr int kUnusable = 2;

constexpr const char* kFooter =
    "Reference first, candidate second. Exit status everywhere: 0 parity,\n"
    "1 divergence, 2 unusable input or usage, 3 inconclusive.\n\n"
    "Examples:\n"
    "  plumbline run MODEL --backend torch --prompt 'Copyright' -o ref.h5\n"
    "  plumbline run MODEL --backend twin --prompt 'Copyright' -o cand.h5\n"
    "  plumbline find ref.h5 cand.h5";

void add_verbs(CLI::App& app, int& status) {
  add_run(app);
  add_generate(app);
  add_order(app);
  add_find(app, status);
  add_diff(app, status);
  add_gate(app, status);
  add_policy(app, status);
  add_show(app, status);
  add_tokens(app, status);
  add_blame(app, status);
  add_contracts(app, status);
  add_noise(app, status);
  add_repro(app, status);
  add_observer(app, status);
  add_bounds(app, status);
  add_ls(app, status);
  add_faults(app, status);
  add_make_model(app, status);
  add_import(app, status);
  add_audit(app, status);
  add_doctor(app, status);
  add_verify(app, status);
  add_recover(app, status);
  add_explain(app, status);
  add_completions(app, status);
  add_man(app, status);
  for (CLI::App* verb : app.get_subcommands([](const CLI::App* each) { return !each->get_prefix_command(); }))
    add_terminal_options(*verb);
}

int fail(std::string_view prefix, std::string_view message) {
  std::fprintf(stderr, "%s%s\n", std::string(prefix).c_str(), escaped_lines(message).c_str());
  return kUnusable;
}

/// A wrong value may stand in a variable that nobody has in view.
std::string usage_text(const CLI::ParseError& error, const CommandLine& line) {
  std::string text = error.what();
  for (const std::string& twin : line.twins) text += "\n  from the environment: " + twin;
  return text + "\n  see: plumbline --help, or plumbline VERB --help";
}

int parse_and_call(int argc, char** argv) {
  int status = kUnusable;
  CLI::App app("Finds the first operation where two implementations of a model part ways", "plumbline");
  app.set_version_flag("--version", "plumbline " PLUMBLINE_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  add_verbs(app, status);
  const CommandLine line = command_line(app, argc, argv);
  try {
    app.parse(std::vector<std::string>(line.words.rbegin(), line.words.rend()));
  } catch (const CLI::Success& help) {  // --help, --version
    std::ostringstream text;
    status = app.exit(help, text, text);
    print_straight(text.str());
    return status;
  } catch (const CLI::ParseError& error) {
    return fail("plumbline: ", usage_text(error, line));
  }
  return status;
}

int guarded(int argc, char** argv) {
  try {
    start_process();
    std::signal(SIGPIPE, SIG_IGN);  // a reader that has left is an error of write, with a message, not a silent end
    show_progress(true);
    if (is_backend_verb(argc, argv)) run_backend(argc, argv);
    return parse_and_call(argc, argv);
  } catch (const Error& error) {
    return fail("plumbline: ", error.what());
  } catch (const std::exception& error) {
    return fail("plumbline: internal error: ", error.what());
  } catch (...) {
    return fail("plumbline: internal error", "");
  }
}

}  // namespace
}  // namespace plumbline

int main(int argc, char** argv) { return plumbline::guarded(argc, argv); }
