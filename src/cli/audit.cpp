// SPDX-License-Identifier: Apache-2.0
// `plumbline audit`: is a checkpoint what its config says, and were its numbers ever written?
#include "report/audit.h"

#include <memory>

#include <plumbline/error.h>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/parallel.h"
#include "report/colour.h"

namespace plumbline {
namespace {

struct AuditCommand {
  std::string directory, svg;
  int rows = 10, threads = 0;
  bool by_layer = false, json = false, strict = false;
};

int status_of(const AuditReport& report, bool strict) {
  if (report.present == 0) return 3;
  return report.count(AuditLevel::error) > 0 || (strict && !report.findings.empty()) ? 1 : 0;
}

int audit(const AuditCommand& command) {
  const AuditReport report = audit_checkpoint(command.directory, command.threads);
  if (!command.svg.empty()) write_file(command.svg, audit_svg(report));
  if (command.json) {
    print(audit_json(report));
  } else {
    const TextOptions options = text_options(command.rows);
    const std::string text = audit_text(report, options, command.by_layer);
    print(options.colour ? painted(text) : text);
  }
  return status_of(report, command.strict);
}

}  // namespace

void add_audit(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("audit", "Is a checkpoint what its config says, and are its weights sound?");
  auto command = std::make_shared<AuditCommand>();
  verb->add_option("MODEL", command->directory, "Model directory")->required();
  verb->add_flag("--by-layer", command->by_layer, "Statistics of every tensor instead of every kind");
  verb->add_flag("--json", command->json, "As JSON, with every tensor");
  verb->add_option("--svg", command->svg, "Draw the statistics by layer into this file as well")->type_name("FILE");
  verb->add_flag("--strict", command->strict, "Warnings count as errors: status 1");
  verb->add_option("-n,--rows", command->rows, "Findings shown; 0: all")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  verb->add_option("-j,--threads", command->threads, "Threads (default: all; the result is the same)")
      ->check(CLI::Range(1, kMaxThreads));
  verb->footer(
      "Reads every weight once and runs nothing. Exit status: 0 sound (warnings alone\n"
      "too, unless --strict), 1 findings that make the checkpoint wrong, 2 unusable\n"
      "input, 3 nothing audited (no stored tensor is a parameter of the config).\n\n"
      "Example:\n  plumbline audit MODEL --svg weights.svg");
  verb->callback([command, &status] {
    if (command->directory.empty()) throw UsageError("audit: MODEL is empty", {}, "give a model directory");
    status = audit(*command);
  });
}

}  // namespace plumbline
