// SPDX-License-Identifier: Apache-2.0
// Writers of a FindReport: text for people, JSON for programs. Both say the same; neither decides anything.
// Invariant: the bytes depend on the report and the options alone; names out of files are escaped.
#pragma once
#include <string>

#include <plumbline/find.h>

namespace plumbline {

struct TextOptions {
  int width = 80;      ///< columns; the layout needs 60 and never uses more than 160
  int rows = 10;       ///< rows of the table of inherited errors; 0: all, and every diagnostic at length
  bool values = true;  ///< windows of values in diagnostics
};

/// The whole report: verdict, diagnostics, grid, tables, coverage, legend.
std::string render_text(const FindReport& report, const TextOptions& options = {});
/// Schema "plumbline-report" 1.0: minor versions add keys, readers ignore unknown ones. Non-finite numbers are the
/// strings "nan", "inf", "-inf".
std::string render_json(const FindReport& report);

}  // namespace plumbline
