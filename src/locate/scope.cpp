// SPDX-License-Identifier: Apache-2.0
// Globs against the taps of one pair of traces, and what of a report is left.
#include "locate/scope.h"

#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/tap.h>

#include <algorithm>

#include "locate/codes.h"
#include "locate/roles.h"

namespace plumbline {
namespace {

bool matches(const std::vector<std::string>& globs, const std::string& path, const std::string& op) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return glob_matches(glob, path) || (!op.empty() && glob_matches(glob, op));
  });
}

std::set<std::string> recorded_paths(const Trace& reference, const Trace& candidate) {
  std::set<std::string> paths;
  for (const Trace* trace : {&reference, &candidate})
    for (const TapEntry& tap : trace->taps()) paths.insert(tap.path);
  return paths;
}

/// Splits off what `keep` refuses; both parts stay in order.
template <class Item, class Keep>
std::vector<Item> take_unless(std::vector<Item>& items, Keep keep) {
  const auto middle = std::stable_partition(items.begin(), items.end(), keep);
  std::vector<Item> taken(std::make_move_iterator(middle), std::make_move_iterator(items.end()));
  items.erase(middle, items.end());
  return taken;
}

bool counts(const Finding& finding) { return finding.level != Level::note; }
bool is_error(const Finding& finding) { return finding.level == Level::error; }
bool at_fault(const Finding& finding) {
  return is_error(finding) && (finding.role == Role::origin || finding.role == Role::contract);
}

/// Ops in scope, and those in whose segment, found at fault as a whole, one of them lies.
std::set<std::string> ops_to_keep(const FindReport& report, const Scope& scope) {
  std::set<std::string> kept;
  for (const OpRow& row : report.ops) {
    const bool through = row.failed && std::any_of(row.segment.begin(), row.segment.end(),
                                                   [&](const std::string& op) { return scope.has_op(op); });
    if (through || scope.has_op(row.op)) kept.insert(row.op);
  }
  return kept;
}

/// Ops that read, at whatever distance, what an op at fault in `findings` gave.
std::set<std::string> downstream(const OpGraph& graph, const std::vector<Finding>& findings) {
  std::vector<bool> sources(graph.ops.size(), false);
  for (size_t i = 0; i < graph.ops.size(); ++i)
    sources[i] = std::any_of(findings.begin(), findings.end(), [&](const Finding& finding) {
      return at_fault(finding) && finding.op == graph.ops[i].name;
    });
  const std::vector<bool> reached = below(graph, sources);
  std::set<std::string> ops;
  for (size_t i = 0; i < graph.ops.size(); ++i)
    if (reached[i]) ops.insert(graph.ops[i].name);
  return ops;
}

/// The finding for selected ops that are right by themselves and yet differ, for a reason that is not selected.
std::optional<Finding> inherited_finding(const FindReport& report, const OpGraph& graph,
                                         const std::vector<Finding>& outside) {
  const std::set<std::string> reached = downstream(graph, outside);
  const auto inherits = [&](const OpRow& row) { return only_inherits(row.role) && reached.contains(row.op); };
  const auto row = std::find_if(report.ops.begin(), report.ops.end(), inherits);
  if (row == report.ops.end()) return std::nullopt;
  const Finding& cause = *std::find_if(outside.begin(), outside.end(), at_fault);
  Finding finding;
  finding.code = code::kInheritedFromOutside;
  finding.role = row->role;
  finding.op = row->op;
  finding.layer = row->layer;
  finding.title = fmt::format("`{}` differs by what it inherits from outside the selection", row->op);
  finding.evidence.push_back(fmt::format("selected ops that differ so, none by an error of its own: {}",
                                         std::count_if(report.ops.begin(), report.ops.end(), inherits)));
  finding.evidence.push_back(fmt::format("the first op at fault outside is `{}` ({})", cause.op, cause.code));
  finding.help.push_back(
      fmt::format("see where it comes from: `plumbline find {} {}`", report.reference.file, report.candidate.file));
  return finding;
}

}  // namespace

Scope::Scope(const TapFilter& filter, const OpGraph& graph, const Trace& reference, const Trace& candidate)
    : filter_(filter), graph_(graph) {
  if (filter.empty()) return;
  for (const Op& op : graph.ops)
    for (const TapSpec& output : op.outputs) {
      op_of_.emplace(output.path, op.name);
      if (!output.inner && has_tap(output.path)) ops_.insert(op.name);
    }
  const std::set<std::string> paths = recorded_paths(reference, candidate);
  ReportScope summary;
  summary.select = filter.select;
  summary.exclude = filter.exclude;
  summary.taps = static_cast<int64_t>(paths.size());
  summary.selected_taps =
      std::count_if(paths.begin(), paths.end(), [&](const std::string& path) { return has_tap(path); });
  if (summary.selected_taps == 0)
    throw UsageError(
        "--select and --exclude leave no tap to compare",
        {fmt::format("select   {}", filter.select.empty() ? "*" : fmt::format("{}", fmt::join(filter.select, ", "))),
         fmt::format("exclude  {}", fmt::join(filter.exclude, ", ")),
         fmt::format("taps     {} in {} and {}", paths.size(), reference.file().string(), candidate.file().string())},
        "comparing nothing is never a pass: select more, or exclude less");
  summary_ = std::move(summary);
}

bool Scope::has_tap(const std::string& path) const {
  if (filter_.empty()) return true;
  const auto op = op_of_.find(path);
  const std::string name = op == op_of_.end() ? "" : op->second;
  return (filter_.select.empty() || matches(filter_.select, path, name)) && !matches(filter_.exclude, path, name);
}

bool Scope::has_op(const std::string& op) const { return filter_.empty() || ops_.contains(op); }

bool Scope::concerns(const Finding& finding) const {
  if (finding.op.empty()) return true;
  if (finding.code == code::kShapes) return has_tap(finding.place ? finding.place->tap : finding.op);
  return graph_.find(finding.op) != nullptr ? has_op(finding.op) : has_tap(finding.op);
}

std::vector<Finding> restrict_report(FindReport& report, const Scope& scope, const OpGraph& graph) {
  if (!scope.restricts()) return {};
  const std::set<std::string> kept = ops_to_keep(report, scope);
  std::vector<Finding> outside = take_unless(report.findings, [&](const Finding& finding) {
    return scope.concerns(finding) || (at_fault(finding) && kept.contains(finding.op));
  });
  take_unless(report.ops, [&](const OpRow& row) { return kept.contains(row.op); });
  const auto unmatched =
      take_unless(report.unmatched, [&](const UnmatchedTap& tap) { return scope.has_tap(tap.path); });
  report.scope->ops_outside = static_cast<int64_t>(graph.ops.size() - report.ops.size());
  report.scope->unmatched_outside = static_cast<int64_t>(unmatched.size());
  report.coverage.reference_ops = static_cast<int64_t>(report.ops.size());
  if (report.ops.empty() && !report.model.empty())
    report.notes.push_back(
        "the selection holds no result of an op: taps within ops, and what was fed, are compared by --values-only");
  if (std::none_of(report.findings.begin(), report.findings.end(), is_error))
    if (auto inherited = inherited_finding(report, graph, outside)) report.findings.push_back(std::move(*inherited));
  return outside;
}

void state_outside(FindReport& report, const std::vector<Finding>& outside) {
  if (!report.scope) return;
  const auto count = std::count_if(outside.begin(), outside.end(), counts);
  report.scope->findings_outside = count;
  if (count == 0) return;
  report.headline += fmt::format("; {} finding{} outside the selection", count, count == 1 ? "" : "s");
  const Finding& first = *std::find_if(outside.begin(), outside.end(), counts);
  report.notes.push_back(fmt::format("outside the selection: {}[{}]: {}{}", level_name(first.level), first.code,
                                     first.title, count == 1 ? "" : fmt::format("; and {} more", count - 1)));
}

}  // namespace plumbline
