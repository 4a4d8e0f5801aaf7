// SPDX-License-Identifier: Apache-2.0
// What a report says nothing about: ops without a verdict, elements that were only subtracted, findings whose cause was
// not sought. Drawn from the rows, so that it can never disagree with them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr size_t kNamed = 6;  // ops in one line

/// Of one reason, in execution order; reasons in the order of their first op.
struct Group {
  std::string reason;
  std::vector<std::string> ops;
};

bool in_segment(const FindReport& report, const OpRow& row) {
  return std::any_of(report.ops.begin(), report.ops.end(), [&](const OpRow& end) {
    return end.judged && std::find(end.segment.begin(), end.segment.end(), row.op) != end.segment.end();
  });
}

/// Not of what failed, cannot be compared, or is clean by equal bits: those have a verdict without being judged.
bool lacks_verdict(const FindReport& report, const OpRow& row) {
  if (row.judged) return false;
  switch (row.role) {
    case Role::origin:
    case Role::contract:
    case Role::incomparable: return false;
    case Role::clean: return !row.compared && in_segment(report, row);
    default: return true;
  }
}

std::string reason_of(const FindReport& report, const OpRow& row) {
  if (in_segment(report, row)) return "by themselves; together with the ops around them they were";
  if (row.reference_failed) return "the reference breaks its own bound there";
  return row.reason.empty() ? "their inputs hold NaN or infinity" : row.reason;
}

std::vector<Group> groups_of(const FindReport& report) {
  std::vector<Group> groups;
  for (const OpRow& row : report.ops) {
    if (!lacks_verdict(report, row)) continue;
    const std::string reason = reason_of(report, row);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.reason == reason; });
    if (group == groups.end()) group = groups.insert(groups.end(), Group{reason, {}});
    group->ops.push_back(row.op);
  }
  return groups;
}

std::string group_line(const Group& group) {
  const size_t shown = std::min(group.ops.size(), kNamed);
  const std::vector<std::string> named(group.ops.begin(), group.ops.begin() + static_cast<std::ptrdiff_t>(shown));
  return fmt::format("{} op{} ({}): {}{}", group.ops.size(), group.ops.size() == 1 ? "" : "s", group.reason,
                     fmt::join(named, ", "),
                     shown < group.ops.size() ? fmt::format(" and {} more", group.ops.size() - shown) : "");
}

}  // namespace

ElementCoverage element_coverage(const FindReport& report) {
  ElementCoverage coverage;
  for (const OpRow& row : report.ops) {
    coverage.compared += row.elements;
    if (row.judged) coverage.judged += row.elements;
  }
  return coverage;
}

int64_t causes_not_sought(const FindReport& report) {
  const auto wants = [](const Finding& finding) {
    return finding.role == Role::origin && finding.contract.empty() && finding.code != "P0101";
  };
  const bool any = std::any_of(report.findings.begin(), report.findings.end(),
                               [](const Finding& finding) { return !finding.causes.empty(); });
  return !any ? 0 : std::count_if(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
    return wants(finding) && finding.causes.empty();
  });
}

std::string render_unchecked(const FindReport& report, const TextOptions& options) {
  if (report.model.empty()) return "";
  std::vector<std::string> lines;
  for (const Group& group : groups_of(report)) lines.push_back(group_line(group));
  if (const int64_t left = causes_not_sought(report); left > 0)
    lines.push_back(fmt::format("causes of {} finding{}: sought at the first ones only", left, left == 1 ? "" : "s"));
  std::string out;
  for (const std::string& line : lines) out += wrap(escaped(line), "    ", "      ", options.width);
  return out.empty() ? out : "  not checked:\n" + out;
}

}  // namespace plumbline
