// SPDX-License-Identifier: Apache-2.0
// Parsing and checking of --format.
#include "cli/report_outputs.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>

namespace plumbline {
namespace {

ReportOutput parse(const std::string& spelled) {
  const size_t equals = spelled.find('=');
  ReportOutput output{find_report_format(spelled.substr(0, equals)), {}};
  if (equals == std::string::npos) return output;
  output.file = spelled.substr(equals + 1);
  if (output.file.empty())
    throw UsageError("--format names no file", {"given  " + spelled}, "give one, or leave '=' out for standard output");
  return output;
}

void check_file(const ReportOutput& output, const std::vector<ReportOutput>& others, const CompareOptions& options) {
  std::error_code none;
  for (const std::string& trace : {options.reference, options.candidate})
    if (std::filesystem::equivalent(output.file, trace, none))
      throw UsageError("--format would overwrite a trace", {"given  " + output.file.string()}, "name another file");
  for (const ReportOutput& other : others)
    if (other.file == output.file)
      throw UsageError("--format names one file twice", {"given  " + output.file.string()},
                       "give each format its own file");
}

void check_standard_output(const std::vector<ReportOutput>& outputs) {
  std::vector<std::string> names;
  bool document = false;
  for (const ReportOutput& output : outputs) {
    if (!output.file.empty()) continue;
    names.emplace_back(report_format_name(output.format));
    document = document || is_document(output.format);
  }
  if (document && names.size() > 1)
    throw UsageError("two formats cannot share standard output", {fmt::format("given  {} and {}", names[0], names[1])},
                     fmt::format("give one of them a file: --format {}=FILE", names[1]));
}

}  // namespace

std::vector<ReportOutput> report_outputs(const CompareOptions& options) {
  std::vector<ReportOutput> outputs;
  if (options.json) outputs.push_back({ReportFormat::json, {}});
  for (const std::string& spelled : options.formats) {
    const ReportOutput output = parse(spelled);
    if (!output.file.empty()) check_file(output, outputs, options);
    outputs.push_back(output);
  }
  check_standard_output(outputs);
  const bool spoken =
      std::any_of(outputs.begin(), outputs.end(), [](const auto& output) { return output.file.empty(); });
  if (!spoken) outputs.insert(outputs.begin(), {ReportFormat::full, {}});
  return outputs;
}

}  // namespace plumbline
