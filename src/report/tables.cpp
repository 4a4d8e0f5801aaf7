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

constexpr size_t kOpColumns = 27;

const OpRow* row_of(const FindReport& report, const std::string& op) {
  const auto found = std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& row) { return row.op == op; });
  return found == report.ops.end() ? nullptr : &*found;
}

/// Keeps the end of a name that is too long: the op says more than the layer.
std::string fit(const std::string& name, size_t columns) {
  return name.size() <= columns ? name : "..." + name.substr(name.size() - columns + 3);
}

std::string part(double value) {
  return std::isnan(value) ? "-" : std::isinf(value) ? "inf" : fmt::format("{:.1e}", value);
}

}  // namespace

std::string short_number(double value) {
  if (std::isnan(value)) return "-";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{:.3g}", value);
}

std::string local_name(std::string_view op, int layer) {
  const std::string prefix = fmt::format("layer.{}.", layer);
  return std::string(op.starts_with(prefix) ? op.substr(prefix.size()) : op);
}

std::string render_finding_table(const FindReport& report, const TextOptions&) {
  std::string out;
  int number = 0;
  for (const Finding& finding : report.findings) {
    if (finding.level == Level::note) continue;
    const OpRow* row = finding.role ? row_of(report, finding.op) : nullptr;
    const std::string name = fit(escaped(finding.op.empty() ? "(trace)" : finding.op), kOpColumns);
    const std::string role = finding.role ? std::string(role_name(*finding.role)) : "-";
    ++number;
    out += fmt::format("  {:>2} {} {:<{}} {:<8.8}", number, finding.code, name, kOpColumns, role);
    if (row != nullptr) {
      out += fmt::format(" {:>7} {:>8} {:>7} {:>7}", part(row->own), short_number(row->own_share), part(row->inherited),
                         short_number(row->mismatch));
    }
    out += "\n";
  }
  if (out.empty()) return out;
  return fmt::format("  {:>2} {:<5} {:<{}} {:<8} {:>7} {:>8} {:>7} {:>7}\n", "#", "code", "op", kOpColumns, "role",
                     "own", "x bound", "inher.", "unequal") +
         out;
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
  std::string out = fmt::format("  {:<{}} {:<9} {:>7} {:>7} {:>7} {:>6} {:>7}\n", "op, largest difference first",
                                kOpColumns + 2, "role", "total", "inher.", "own", "gain", "benign");
  for (size_t i = 0; i < shown; ++i) {
    const OpRow& row = *rows[i];
    out += fmt::format("  {:<{}} {:<9} {:>7} {:>7} {:>7} {:>6} {:>7}\n", fit(escaped(row.op), kOpColumns + 2),
                       kOpColumns + 2, role_name(row.role), part(row.total), part(row.inherited), part(row.own),
                       short_number(row.gain), short_number(row.benign_gain));
  }
  if (shown < rows.size()) out += fmt::format("  [{} more]\n", rows.size() - shown);
  return out;
}

}  // namespace plumbline
