// SPDX-License-Identifier: Apache-2.0
// `plumbline find`: the first op at which a candidate parts from its reference, and the proof.
#include <memory>

#include <plumbline/error.h>

#include "cli/blame.h"
#include "cli/compare_options.h"
#include "cli/output.h"
#include "cli/report_outputs.h"
#include "cli/verbs.h"

namespace plumbline {
namespace {

/// The section of --blame is text for a reader.
void require_text(const CompareOptions& options) {
  for (const ReportOutput& output : report_outputs(options))
    if (output.file.empty() && output.format != ReportFormat::full)
      throw UsageError("--blame prints text, which would not fit that format", {},
                       "give the format a file, or use: plumbline blame --json");
}

}  // namespace

void add_find(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("find", "Find the first op at which the candidate parts from the reference");
  auto options = std::make_shared<CompareOptions>();
  add_compare_options(*verb, *options);
  verb->add_flag("--ignore-digests", options->ignore_digests,
                 "Judge by the numbers alone: compare no digest of files or parameters");
  verb->add_flag("--amplification", options->amplification,
                 "Also what each op and layer makes of an error: measured, of noise, and predicted from the weights");
  auto blame = std::make_shared<bool>(false);
  verb->add_flag("--blame", *blame,
                 "Also how much of the logits' difference each op causes, as plumbline blame says it");
  verb->footer(
      "Every op is replayed in f64 on the inputs each side recorded, so an op's own\n"
      "error is told from what it inherited. Exit status: 0 parity, 1 divergence,\n"
      "2 unusable input, 3 inconclusive.\n\n"
      "Example:\n  plumbline find ref.h5 cand.h5");
  verb->callback([options, blame, &status] {
    if (*blame) require_text(*options);
    const TracePair traces = open_pair(*options);
    const FindReport report = compare_traces(*options, traces, false);
    status = finish(report, *options);
    if (*blame) print("\n" + blame_section(*options, traces, report));
  });
}

}  // namespace plumbline
