// SPDX-License-Identifier: Apache-2.0
// `plumbline noise`: how far right implementations of a model lie apart for given tokens, and whether a candidate lies
// further off.
#include "report/noise.h"

#include <memory>

#include <plumbline/error.h>

#include "cli/compare_options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/parallel.h"

namespace plumbline {
namespace {

constexpr int kMostRuns = 10'000;

struct NoiseCommand {
  std::string reference;
  std::optional<std::string> model, against;
  std::vector<std::string> repeats;
  NoiseOptions noise;
  int rows = 10;
  bool json = false;
};

Trace opened(const std::string& file, int threads) {
  Trace trace = Trace::open(file);
  require_sound(trace, threads);
  return trace;
}

int status_of(const NoiseReport& report) {
  if (!report.against) return 0;
  switch (report.against->outcome) {
    case NoiseOutcome::within: return 0;
    case NoiseOutcome::beyond: return 1;
    case NoiseOutcome::undecidable: return 3;
  }
  return 3;
}

NoiseReport measured(const NoiseCommand& command) {
  const int threads = command.noise.threads;
  const Trace reference = opened(command.reference, threads);
  const std::optional<Trace> candidate =
      command.against ? std::optional(opened(*command.against, threads)) : std::nullopt;
  std::vector<Trace> repeats;
  for (const std::string& file : command.repeats) repeats.push_back(opened(file, threads));
  const Model model = require_model(command.model, {reference, candidate.value_or(reference)});
  return measure_noise(reference, model, repeats, candidate ? &*candidate : nullptr, command.noise);
}

void add_noise_options(CLI::App& verb, NoiseCommand& command) {
  verb.add_option("REF", command.reference, "Trace of the reference: its tokens, graph and contracts are used")
      ->required();
  add_model_option(verb, command.model);
  verb.add_option("--runs", command.noise.runs, "Runs with Monte Carlo rounding; 0: none, only --repeats")
      ->check(CLI::Range(0, kMostRuns))
      ->capture_default_str();
  verb.add_option("--seed", command.noise.seed, "Another seed draws other runs")->capture_default_str();
  verb.add_option("--repeats", command.repeats,
                  "Traces of the same tokens that are right by definition: reruns, variants")
      ->type_name("TRACE");
  verb.add_option("--against", command.against, "Trace of a candidate: does it lie within the noise?")
      ->type_name("CAND");
  verb.add_option("-n,--rows", command.rows, "Positions in each table; 0: all")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  verb.add_option("-j,--threads", command.noise.threads, "Threads (default: all; the result is the same)")
      ->check(CLI::Range(0, kMaxThreads));
  verb.add_flag("--json", command.json, "Print the whole report as JSON");
}

}  // namespace

void add_noise(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("noise", "The model's own floor for these tokens: how far right runs lie apart");
  auto command = std::make_shared<NoiseCommand>();
  add_noise_options(*verb, *command);
  verb->footer(
      "Every op is run in f64 with errors drawn as its contract allows, n times. With\n"
      "16 runs no sigma is larger by more than a factor 1.44 (95 %); 8: 1.80, 30: 1.28.\n"
      "Exit status: 0 measured, and the candidate within the noise; 1 beyond it;\n"
      "2 unreadable; 3 undecidable: a chaotic model, or nothing to compare.\n\n"
      "Example:\n  plumbline noise ref.h5 --against cand.h5");
  verb->callback([command, &status] {
    const NoiseReport report = measured(*command);
    print(command->json ? noise_json(report) : noise_text(report, command->rows));
    status = status_of(report);
  });
}

}  // namespace plumbline
