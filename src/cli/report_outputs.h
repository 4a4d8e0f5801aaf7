// SPDX-License-Identifier: Apache-2.0
// Where a report goes: the spelled options --format and --json as a list of formats and files.
// Invariant: no stream gets two texts that a program could not take apart, and no file two texts.
#pragma once
#include <filesystem>
#include <vector>

#include "cli/compare_options.h"
#include "report/report.h"

namespace plumbline {

struct ReportOutput {
  ReportFormat format = ReportFormat::full;
  std::filesystem::path file;  ///< empty: standard output
};

/// Files besides, standard output with `full` unless another format is asked for there. Throws UsageError for an
/// unknown format, an empty or repeated file, a file that is one of the traces, or a document that would share standard
/// output.
std::vector<ReportOutput> report_outputs(const CompareOptions& options);

}  // namespace plumbline
