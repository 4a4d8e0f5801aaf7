// SPDX-License-Identifier: Apache-2.0
// The table of output formats.
#include "report/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>

#include <algorithm>
#include <array>

namespace plumbline {
namespace {

struct Format {
  ReportFormat format;
  std::string_view name;
  bool document;
  std::string (*write)(const FindReport&, const TextOptions&);
};

template <std::string (*kWrite)(const FindReport&)>
std::string plain(const FindReport& report, const TextOptions&) {
  return kWrite(report);
}

constexpr std::array kFormats = {
    Format{ReportFormat::full, "full", false, render_text},
    Format{ReportFormat::concise, "concise", false, plain<render_concise>},
    Format{ReportFormat::json, "json", true, plain<render_json>},
    Format{ReportFormat::jsonl, "jsonl", true, plain<render_jsonl>},
    Format{ReportFormat::md, "md", true, plain<render_markdown>},
    Format{ReportFormat::junit, "junit", true, plain<render_junit>},
    Format{ReportFormat::github, "github", false, plain<render_github>},
};

const Format& entry(ReportFormat format) {
  return *std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& f) { return f.format == format; });
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const Format& format : kFormats) out.emplace_back(format.name);
  return out;
}

}  // namespace

std::string report_format_names() { return fmt::format("{}", fmt::join(names(), ", ")); }

ReportFormat find_report_format(std::string_view name) {
  const auto* found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& format) { return format.name == name; });
  if (found != kFormats.end()) return found->format;
  const std::vector<std::string> near = near_misses(name, names(), 1);
  throw UsageError(fmt::format("--format: no format '{}'", name), {"there are  " + report_format_names()},
                   near.empty() ? "" : fmt::format("did you mean '{}'?", near.front()));
}

std::string_view report_format_name(ReportFormat format) { return entry(format).name; }
bool is_document(ReportFormat format) { return entry(format).document; }

std::string render(const FindReport& report, ReportFormat format, const TextOptions& options) {
  return entry(format).write(report, options);
}

}  // namespace plumbline
