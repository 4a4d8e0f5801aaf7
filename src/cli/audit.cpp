// SPDX-License-Identifier: Apache-2.0
// `plumbline audit`: is a checkpoint what its config says, were its numbers ever written, and what did a run make of
// it?
#include "report/audit.h"

#include <memory>
#include <optional>

#include <plumbline/error.h>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/parallel.h"
#include "report/colour.h"

namespace plumbline {
namespace {

constexpr int kMostRuns = 10'000;

struct AuditCommand {
  std::string directory, svg;
  std::optional<std::string> trace;
  int rows = 10, threads = 0, runs = 8;
  bool by_layer = false, json = false, strict = false;
};

/// A run whose stages broke counts as an error, a chaotic model as a warning.
int status_of(const AuditReport& report, const MeasuredAudit* measured, bool strict) {
  if (report.present == 0) return 3;
  const bool broke = measured != nullptr && measured->stages.breaks.has_value();
  const bool chaotic = measured != nullptr && measured->noise && measured->noise->chaotic();
  return report.count(AuditLevel::error) > 0 || broke || (strict && (chaotic || !report.findings.empty())) ? 1 : 0;
}

std::optional<MeasuredAudit> measured(const AuditCommand& command, const AuditReport& report) {
  if (!command.trace) return {};
  if (command.trace->empty()) throw UsageError("audit: --trace names no file", {}, "give a trace of `plumbline run`");
  const Trace trace = Trace::open(*command.trace);
  require_sound(trace, command.threads);
  return measure_audit(report, trace, command.runs, command.threads);
}

int audit(const AuditCommand& command) {
  const AuditReport report = audit_checkpoint(command.directory, command.threads);
  const std::optional<MeasuredAudit> happened = measured(command, report);
  const MeasuredAudit* half = happened ? &*happened : nullptr;
  if (!command.svg.empty()) write_file(command.svg, audit_svg(report));
  if (command.json) {
    print(audit_json(report, half));
  } else {
    const TextOptions options = text_options(command.rows);
    const std::string text = audit_text(report, half, options, command.by_layer);
    print(options.colour ? painted(text) : text);
  }
  return status_of(report, half, command.strict);
}

}  // namespace

void add_audit(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("audit", "Is a checkpoint what its config says, and are its weights sound?");
  auto command = std::make_shared<AuditCommand>();
  verb->add_option("MODEL", command->directory, "Model directory")->required();
  verb->add_option("--trace", command->trace,
                   "A run of it: stage by stage how large the stream is, and beside what the weights predict what "
                   "happened")
      ->type_name("FILE");
  verb->add_option("--runs", command->runs, "With --trace: runs with Monte Carlo rounding; 0: no noise is measured")
      ->check(CLI::Range(0, kMostRuns))
      ->capture_default_str();
  verb->add_flag("--by-layer", command->by_layer, "Statistics of every tensor and stage instead of every kind");
  verb->add_flag("--json", command->json, "As JSON, with every tensor");
  verb->add_option("--svg", command->svg, "Draw the statistics by layer into this file as well")->type_name("FILE");
  verb->add_flag("--strict", command->strict, "Warnings count as errors: status 1");
  verb->add_option("-n,--rows", command->rows, "Findings shown; 0: all")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  verb->add_option("-j,--threads", command->threads, "Threads (default: all; the result is the same)")
      ->check(CLI::Range(1, kMaxThreads));
  verb->footer(
      "Reads every weight once. Exit status: 0 sound (warnings alone too, unless\n"
      "--strict), 1 findings that make the checkpoint wrong or a run whose stages\n"
      "break, 2 unusable input, 3 nothing audited (no stored tensor is a parameter of\n"
      "the config).\n\n"
      "Example:\n  plumbline audit MODEL --trace run.h5 --svg weights.svg");
  verb->callback([command, &status] {
    if (command->directory.empty()) throw UsageError("audit: MODEL is empty", {}, "give a model directory");
    status = audit(*command);
  });
}

}  // namespace plumbline
