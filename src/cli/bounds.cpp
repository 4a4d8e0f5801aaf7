// SPDX-License-Identifier: Apache-2.0
// `plumbline bounds`: how sound and how tight the bounds are that every verdict rests on, measured on the spot.
#include <algorithm>
#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/parallel.h"
#include "trial/table.h"

namespace plumbline {
namespace {

struct BoundsOptions {
  int64_t ops = 100;
  uint64_t seed = 1;
  std::string format = "bf16";
  int threads = 0;
  bool json = false;
};

}  // namespace

void add_bounds(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("bounds", "Try the bounds: right implementations of random ops against them");
  auto options = std::make_shared<BoundsOptions>();
  verb->add_option("--ops", options->ops, "Ops of each kind, contract and order")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}))
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "Seed of the ops and their data")->capture_default_str();
  verb->add_option("--format", options->format, "Format of the model")
      ->check(CLI::IsMember({"bf16", "f16", "f32"}))
      ->capture_default_str();
  verb->add_option("-j,--threads", options->threads, "Threads (default: all; the result is the same)")
      ->check(CLI::Range(0, kMaxThreads));
  verb->add_flag("--json", options->json, "Print a row for each class of data as JSON");
  verb->footer(
      "Every op is computed in f32 in every order that its contract allows, on kind\n"
      "and unkind data, and put to the gates of a verdict. Exit status: 0 every bound held\n"
      "and no gate failed, 1 a right result was accused: below the table stands by which gate.\n\n"
      "Example:\n  plumbline bounds --ops 2000");
  verb->callback([options, &status] {
    const trial::Request request{options->ops, options->seed, *parse_dtype(options->format), options->threads};
    const std::vector<trial::Row> rows = trial::hold(trial::subjects(), request);
    print(options->json ? trial::bounds_json(rows, request) : trial::bounds_text(rows, request));
    status = std::all_of(rows.begin(), rows.end(), [](const trial::Row& row) { return row.sound(); }) ? 0 : 1;
  });
}

}  // namespace plumbline
