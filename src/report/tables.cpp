// SPDX-License-Identifier: Apache-2.0
// The tables: what failed by itself, and what the rest inherited from it with the gain beside the benign gain.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

struct Column {
  const char* head;
  size_t width;
  bool left = false;  // else right-aligned
};

constexpr size_t kOpColumns = 29, kNarrowOpColumns = 20;  // in a narrow terminal some numbers are worth more
constexpr int kFullWidth = 80;

size_t op_columns(int width) { return width >= kFullWidth ? kOpColumns : kNarrowOpColumns; }

/// How many columns, from the left, the width has room for.
size_t fitting(const std::vector<Column>& columns, int width) {
  size_t used = 1, count = 0;
  while (count < columns.size() && used + 1 + columns[count].width <= static_cast<size_t>(width))
    used += 1 + columns[count++].width;
  return count;
}

/// One line: two blanks, then the cells of the first `count` columns, as many as there are.
std::string line_text(const std::vector<Column>& columns, size_t count, const std::vector<std::string>& cells) {
  std::string out = " ";
  for (size_t i = 0; i < std::min(count, cells.size()); ++i)
    out += columns[i].left ? fmt::format(" {:<{}}", cells[i], columns[i].width)
                           : fmt::format(" {:>{}}", cells[i], columns[i].width);
  return out + "\n";
}

std::vector<std::string> heads_of(const std::vector<Column>& columns) {
  std::vector<std::string> heads;
  for (const Column& column : columns) heads.emplace_back(column.head);
  return heads;
}

/// Keeps the end of a name that is too long: the op says more than the layer.
std::string fit(const std::string& name, size_t columns) {
  return name.size() <= columns ? name : "..." + name.substr(name.size() - columns + 3);
}

std::string part(double value) {
  return std::isnan(value) ? "-" : std::isinf(value) ? "inf" : fmt::format("{:.1e}", value);
}

}  // namespace

const OpRow* row_of(const FindReport& report, const std::string& op) {
  const auto found = std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& row) { return row.op == op; });
  return found == report.ops.end() ? nullptr : &*found;
}

std::string short_number(double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{:.3g}", value);
}

std::string local_name(std::string_view op, int layer) {
  const std::string prefix = fmt::format("layer.{}.", layer);
  return std::string(op.starts_with(prefix) ? op.substr(prefix.size()) : op);
}

std::string render_finding_table(const FindReport& report, const TextOptions& options) {
  const size_t names = op_columns(options.width) - 2;
  const std::vector<Column> columns = {{"#", 2},   {"code", 5, true}, {"op", names, true}, {"role", 8, true},
                                       {"own", 7}, {"x bound", 8},    {"inher.", 7},       {"unequal", 7}};
  const size_t count = fitting(columns, options.width);
  std::string out;
  int number = 0;
  for (const Finding& finding : report.findings) {
    if (finding.level == Level::note && !finding.accepted) continue;
    const OpRow* row = finding.role ? row_of(report, finding.op) : nullptr;
    const std::string role = finding.role ? std::string(role_name(*finding.role)).substr(0, 8) : "-";
    std::vector<std::string> cells = {std::to_string(++number), finding.code,
                                      fit(escaped(finding.op.empty() ? "(trace)" : finding.op), names), role};
    if (row != nullptr)
      cells.insert(cells.end(),
                   {part(row->own), short_number(row->own_share), part(row->inherited), short_number(row->mismatch)});
    out += line_text(columns, count, cells);
  }
  return out.empty() ? out : line_text(columns, count, heads_of(columns)) + out;
}

std::string render_inherited_table(const FindReport& report, const TextOptions& options) {
  std::vector<const OpRow*> rows;
  for (const OpRow& row : report.ops) {
    const bool own = row.role == Role::origin || row.role == Role::contract || row.role == Role::incomparable;
    if (!own && row.compared && (row.total > 0 || row.nonfinite_differs > 0 || std::isnan(row.total)))
      rows.push_back(&row);
  }
  if (rows.empty()) return "";
  const auto size = [](const OpRow& row) { return std::isnan(row.total) ? HUGE_VAL : row.total; };
  std::stable_sort(rows.begin(), rows.end(), [&](const OpRow* a, const OpRow* b) { return size(*a) > size(*b); });
  const size_t shown = options.rows == 0 ? rows.size() : std::min(rows.size(), static_cast<size_t>(options.rows));
  const size_t names = op_columns(options.width);
  const std::vector<Column> columns = {
      {options.width >= kFullWidth ? "op, largest difference first" : "op, by difference", names, true},
      {"role", 9, true},
      {"total", 7},
      {"inher.", 7},
      {"own", 7},
      {"gain", 6},
      {"benign", 7}};
  const size_t count = fitting(columns, options.width);
  std::string out = line_text(columns, count, heads_of(columns));
  for (size_t i = 0; i < shown; ++i) {
    const OpRow& row = *rows[i];
    out += line_text(columns, count,
                     {fit(escaped(row.op), names), std::string(role_name(row.role)), part(row.total),
                      part(row.inherited), part(row.own), short_number(row.gain), short_number(row.benign_gain)});
  }
  if (shown < rows.size()) out += fmt::format("  [{} more]\n", rows.size() - shown);
  return out;
}

}  // namespace plumbline
