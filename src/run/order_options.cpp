// SPDX-License-Identifier: Apache-2.0
// Names and help of the options; CLI11 does the splitting.
#include "run/order_options.h"

#include <CLI/CLI.hpp>

#include <algorithm>

#include "core/parallel.h"
#include "core/progress.h"
#include "options/environment.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

constexpr int64_t kMaxRows = 4096;

constexpr const char* kFooter =
    "Two large terms that cancel and a small one between zeros tell which two met first;\n"
    "enough such questions give the whole tree. Sums of squares are asked by ties.\n"
    "Weights are set to ones; shapes, format, threads and rows are the run's own, since\n"
    "libraries choose their order by them. Where attention is one kernel, its scores, its\n"
    "softmax and its product with V are asked through it. Exit status: 0 every order found, 2 unusable,\n"
    "3 an op has no fixed order, or the backend cannot run it alone.\n\n"
    "Example:\n  plumbline order MODEL --backend twin --op layer.0.attn.q_proj";

void declare(CLI::App& app, OrderOptions& o, bool& table) {
  app.add_option("model", o.run.model, "Model directory in Hugging Face's layout")->type_name("MODEL")->required();
  app.add_option("--backend", o.run.backend, "What runs the ops")
      ->check(CLI::IsMember({"torch", "twin", "cuda", "oracle"}))
      ->required();
  app.add_option("--op", o.ops, "Op to ask (default: one of each shape); repeatable")
      ->type_name("OP")
      ->allow_extra_args(false);
  app.add_option("--rows", o.rows, "Tokens of a forward pass (default 8)")
      ->type_name("N")
      ->check(CLI::Range(int64_t{1}, kMaxRows));
  app.add_option("--threads", o.run.threads, "CPU threads (default: the backend's own choice)")
      ->type_name("N")
      ->check(CLI::Range(1, kMaxThreads));
  app.add_option("--device", o.run.device, "Backend torch: where it runs (default cpu)")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_flag("--json", o.run.json, "Print trees and all as JSON");
  app.add_flag_callback(
      "--no-progress", [] { show_progress(false); }, "Do not say on standard error how far the work is");
  app.add_flag("--option-table", table, "Print the options of this verb as JSON")->group("");
  app.footer(kFooter);
}

}  // namespace

ParsedOrderOptions parse_order_options(int argc, const char* const* argv) {
  ParsedOrderOptions parsed;
  bool table = false;
  CLI::App app("Find out in which order a backend adds the terms of an op's sums", "plumbline order");
  declare(app, parsed.options, table);
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (std::find(words.begin(), words.end(), "--option-table") != words.end()) {
    parsed.finished = table_json(option_table(app)) + "\n";
    return parsed;
  }
  const EnvironmentTwins twins = environment_twins(option_table(app), words);
  words.insert(words.begin(), twins.arguments.begin(), twins.arguments.end());
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::CallForHelp&) {
    parsed.finished = app.help();
  } catch (const CLI::ParseError& error) {
    throw UsageError(std::string("plumbline order: ") + error.what(), twins.used, "plumbline order --help");
  }
  if (!parsed.finished && parsed.options.run.backend != "torch" && parsed.options.run.device != "cpu")
    throw UsageError("plumbline order: --device belongs to the backend torch", {}, "plumbline order --help");
  return parsed;
}

}  // namespace plumbline::run
