// SPDX-License-Identifier: Apache-2.0
// Writers of a FindReport, for people and for programs. All say the same; none decides anything.
// Invariant: the bytes depend on the report and the options alone; names out of files are escaped.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/find.h>

#include "report/formats.h"

namespace plumbline {

struct TextOptions {
  int width = 80;       ///< columns; the layout needs 60 and never uses more than 160
  int rows = 10;        ///< rows of the table of inherited errors; 0: all, and every diagnostic at length
  bool values = true;   ///< windows of values in diagnostics
  bool colour = false;  ///< escape sequences of a terminal
};

/// The whole report: verdict, diagnostics, grid, tables, coverage, legend.
std::string render_text(const FindReport& report, const TextOptions& options = {});

enum class ReportFormat : uint8_t { full, concise, json, jsonl, md, junit, github };

/// "full, concise, json, jsonl, md, junit, github".
std::string report_format_names();
/// Throws UsageError with near-misses if there is no such format.
ReportFormat find_report_format(std::string_view name);
std::string_view report_format_name(ReportFormat format);
/// A program reads the whole text: nothing else may stand in the same stream.
bool is_document(ReportFormat format);
/// `options` matter to `full` only.
std::string render(const FindReport& report, ReportFormat format, const TextOptions& options = {});

}  // namespace plumbline
