// SPDX-License-Identifier: Apache-2.0
// `plumbline contracts`: which rounding contracts explain the bits of a trace.
#include "report/contracts.h"

#include <memory>

#include <plumbline/error.h>

#include "cli/compare_options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/parallel.h"

namespace plumbline {
namespace {

struct ContractOptions {
  std::string file;
  std::optional<std::string> model;
  int threads = 0;
  bool json = false;
};

Model model_for(const ContractOptions& options, const Trace& trace) {
  if (options.model) return load_model(*options.model);
  const std::string& named = trace.header().model_directory;
  if (named.empty())
    throw InputError("the trace names no model directory", {"file  " + options.file},
                     "give the checkpoint with --model");
  return load_model(named);
}

int status_of(const TraceContracts& contracts) {
  if (contracts.judged() == 0) return 3;
  if (contracts.explained() < contracts.judged()) return 1;
  return contracts.judged() < contracts.ops.size() ? 3 : 0;
}

}  // namespace

void add_contracts(CLI::App& app, int& status) {
  CLI::App* verb =
      app.add_subcommand("contracts", "Say which rounding contracts explain the bits of a trace, op by op");
  auto options = std::make_shared<ContractOptions>();
  verb->add_option("TRACE", options->file, "Trace, also one of unknown origin")->required();
  add_model_option(*verb, options->model);
  verb->add_option("-j,--threads", options->threads, "Threads (default: all; the result is the same)")
      ->check(CLI::Range(0, kMaxThreads));
  verb->add_flag("--json", options->json, "Print the whole report as JSON");
  verb->footer(
      "Every op is replayed on its own recorded inputs under each contract of its\n"
      "kind. Several may explain the same bits. Of linear ops, and of norms whose mean\n"
      "squares were recorded (taps .var), the last bits also tell in which order they were\n"
      "summed, if enough results were recorded. Exit status:\n"
      "0 every op is explained, 1 one is explained by none, 2 unreadable, 3 not every\n"
      "op could be judged.\n\n"
      "Example:\n  plumbline contracts cand.h5");
  verb->callback([options, &status] {
    const Trace trace = Trace::open(options->file);
    require_sound(trace, options->threads);
    const TraceContracts contracts = contract_fits(trace, model_for(*options, trace), options->threads);
    print(options->json ? contracts_json(contracts) : contracts_text(contracts));
    status = status_of(contracts);
  });
}

}  // namespace plumbline
