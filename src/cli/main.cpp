// SPDX-License-Identifier: Apache-2.0
// The program `plumbline`: parse, call the verb, print. The one place where errors end: exit status 2.
#include <plumbline/error.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/process_start.h"
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
  add_find(app, status);
  add_diff(app, status);
  add_gate(app, status);
  add_policy(app, status);
  add_show(app, status);
  add_tokens(app, status);
  add_ls(app, status);
  add_faults(app, status);
  add_doctor(app, status);
  add_verify(app, status);
  add_recover(app, status);
  add_explain(app, status);
}

int fail(std::string_view prefix, std::string_view message) {
  std::fprintf(stderr, "%s%s\n", std::string(prefix).c_str(), escaped_lines(message).c_str());
  return kUnusable;
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(verb->get_name());
  return verbs;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The parser would only say that a verb is missing, of a verb as of an option that does not exist.
void refuse_unknown_first(const CLI::App& app, int argc, char** argv) {
  if (argc < 2) return;
  const std::string first = argv[1];
  constexpr const char* kHelp = "see: plumbline --help";
  if (first.empty()) throw UsageError("the verb is empty", {"given  ''"}, kHelp);
  if (first.front() == '-') {
    if (app.get_option_no_throw(first) != nullptr) return;
    throw UsageError("no option '" + first + "' before the verb", {}, kHelp);
  }
  const std::vector<std::string> known = verbs_of(app);
  if (std::find(known.begin(), known.end(), first) != known.end()) return;
  const std::vector<std::string> near = near_misses(lower(first), known, 1);
  throw UsageError("no verb '" + first + "'", {},
                   (near.empty() ? "" : "did you mean '" + near.front() + "'? ") + std::string(kHelp));
}

int parse_and_call(int argc, char** argv) {
  int status = kUnusable;
  CLI::App app("Finds the first operation where two implementations of a model part ways", "plumbline");
  app.set_version_flag("--version", "plumbline " PLUMBLINE_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  add_verbs(app, status);
  refuse_unknown_first(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {  // --help, --version
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return fail("plumbline: ", std::string(error.what()) + "\n  see: plumbline --help, or plumbline VERB --help");
  }
  return status;
}

int guarded(int argc, char** argv) {
  try {
    start_process();
    if (argc > 1 && std::string_view(argv[1]) == "run") run_backend(argc, argv);
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
