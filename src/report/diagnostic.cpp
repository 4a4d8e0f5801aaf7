// SPDX-License-Identifier: Apache-2.0
// One finding as a diagnostic: code, sentence, places, the numbers themselves, evidence, what to do next.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr size_t kLabel = 15;   // "   |  channel  "
constexpr size_t kColumn = 13;  // one value of a window

std::string value_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{:.6g}", value);
  return text.size() < kColumn ? text : fmt::format("{:.3e}", value);
}

std::string index_text(const Shape& index) { return index.empty() ? "" : to_string(index); }

std::string place_line(std::string_view arrow, const TraceSummary& trace, const Place& place, const Shape& index,
                       int64_t step, int width) {
  std::string text = fmt::format("{}: {}{}", escaped(trace.file), escaped(place.tap), index_text(index));
  text += place.position >= 0 ? fmt::format(" (step {}, position {})", step, place.position)
                              : fmt::format(" (step {})", step);
  return wrap(text, fmt::format("  {} ", arrow), "      ", width);
}

std::string window_row(std::string_view label, const std::vector<std::string>& cells) {
  std::string line = fmt::format("   |  {:<9}", label);
  for (const std::string& cell : cells) line += fmt::format("{:>{}}", cell, kColumn);
  return line + "\n";
}

std::vector<std::string> cells_of(const std::vector<StoredValue>& values) {
  std::vector<std::string> cells;
  for (const StoredValue& value : values) cells.push_back(value.present ? value_text(value.value) : "-");
  return cells;
}

template <class T>
void keep(std::vector<T>& values, size_t first, size_t count) {
  if (first < values.size()) values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(first));
  if (values.size() > count) values.resize(count);
}

/// As many of the columns as the width has room for, the marked one among them.
ValueWindow fitted(ValueWindow window, int width) {
  const auto room = static_cast<size_t>(std::max(0, width - static_cast<int>(kLabel))) / kColumn;
  const size_t count = std::clamp<size_t>(room, 1, std::max<size_t>(window.columns.size(), 1));
  if (count >= window.columns.size()) return window;
  const size_t first = std::min(window.marked - std::min(window.marked, count / 2), window.columns.size() - count);
  keep(window.columns, first, count);
  keep(window.reference, first, count);
  keep(window.candidate, first, count);
  if (!window.replay.empty()) keep(window.replay, first, count);
  window.marked -= first;
  return window;
}

std::string window_text(const ValueWindow& whole, int width) {
  const ValueWindow window = fitted(whole, width);
  std::vector<std::string> columns;
  for (const int64_t column : window.columns) columns.push_back(std::to_string(column));
  std::string out = window_row(escaped(window.axis).substr(0, 9), columns);
  out += window_row("ref", cells_of(window.reference));
  out += window_row("cand", cells_of(window.candidate));
  if (!window.replay.empty()) {
    std::vector<std::string> cells;
    for (const double value : window.replay) cells.push_back(value_text(value));
    out += window_row("replay", cells);
  }
  const size_t end = kLabel + (window.marked + 1) * kColumn;
  out += fmt::format("   |{:>{}}\n", std::string(8, '^'), end - 4);
  const std::string against = window.replay.empty() ? "the reference" : "the replay of the candidate's own inputs";
  out += wrap(fmt::format("off by {} = {} {} ulp from {}", value_text(window.off_by), short_number(window.off_ulps),
                          dtype_name(window.candidate_dtype), against),
              "   |  ", "   |  ", width);
  if (window.marked < window.candidate.size() && window.marked < window.reference.size()) {
    const StoredValue& expected = window.reference[window.marked];
    const StoredValue& actual = window.candidate[window.marked];
    out += wrap(fmt::format("bits: ref {} ({}), cand {} ({})", expected.present ? expected.bits : "-",
                            dtype_name(window.reference_dtype), actual.present ? actual.bits : "-",
                            dtype_name(window.candidate_dtype)),
                "   |  ", "   |  ", width);
  }
  return out;
}

}  // namespace

std::string render_diagnostic(const FindReport& report, const Finding& finding, const TextOptions& options) {
  const std::string head = fmt::format("{}[{}]:", level_name(finding.level), finding.code);
  std::string out = wrap(escaped(finding.title), head + " ", "    ", options.width);
  if (finding.place) {
    const Place& place = *finding.place;
    out += place_line("-->", report.candidate, place, place.candidate_index, place.candidate_step, options.width);
    out += place_line(":::", report.reference, place, place.reference_index, place.reference_step, options.width);
  }
  if (finding.window && options.values) out += window_text(*finding.window, options.width);
  if (finding.accepted)
    out += wrap("accepted: " + acceptance_sentence(*finding.accepted), "   = note: ", "     ", options.width);
  for (const std::string& line : cause_lines(finding))
    out += wrap(escaped(line), "   = cause: ", "     ", options.width);
  for (const std::string& line : finding.evidence)
    out += wrap(escaped(line), "   = evidence: ", "     ", options.width);
  if (finding.explains > 0) {
    const std::string note = fmt::format("{} later op{} inherit{} from here", finding.explains,
                                         finding.explains == 1 ? "" : "s", finding.explains == 1 ? "s" : "");
    out += wrap(note, "   = note: ", "     ", options.width);
  }
  for (const std::string& line : finding.help) out += wrap(escaped(line), "   = help: ", "     ", options.width);
  out += wrap(fmt::format("`plumbline explain {}`", finding.code), "   = help: ", "     ", options.width);
  return out;
}

}  // namespace plumbline
