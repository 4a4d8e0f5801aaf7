// SPDX-License-Identifier: Apache-2.0
// Comparison of values alone, for when there is no checkpoint to replay ops with.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "core/parallel.h"
#include "core/progress.h"
#include "locate/codes.h"
#include "locate/findings.h"
#include "locate/foreign.h"
#include "locate/measure.h"
#include "locate/nonfinite.h"
#include "locate/place.h"
#include "locate/provenance.h"
#include "locate/scope.h"
#include "locate/strangers.h"
#include "locate/used_parameters.h"

namespace plumbline {
namespace {

/// What was fed runs along the tokens, also where a foreign file does not say so.
std::vector<std::string> axes_to_compare(const TapEntry& tap, bool fed) {
  if (!fed || !tap.axes.empty() || tap.shape.empty() || tap.shape.size() > 2) return axes_of(tap, OpGraph{});
  return tap.shape.size() == 1 ? std::vector<std::string>{"token"} : std::vector<std::string>{"batch", "token"};
}

/// Every tap of the reference as something to compare: a tap within an op as one of its results, and as an op of its
/// own what was fed (first), what no op gives, and all taps of a foreign file without a graph.
OpGraph graph_of_values(const Trace& reference) {
  OpGraph graph;
  if (!reference.header().graph_json.empty()) graph = op_graph_from_json(reference.header().graph_json);
  const std::vector<std::string> inputs = std::exchange(graph.inputs, {});
  std::set<std::string> known;
  for (Op& op : graph.ops)
    for (TapSpec& output : op.outputs) {
      output.inner = false;
      known.insert(output.path);
    }
  std::vector<Op> fed;
  for (const TapEntry& tap : reference.taps()) {
    if (!known.insert(tap.path).second) continue;
    const bool is_fed = std::find(inputs.begin(), inputs.end(), tap.path) != inputs.end();
    Op op;
    op.name = tap.path;
    op.layer = tap.layer;
    op.outputs.push_back({tap.path, tap.dtype, axes_to_compare(tap, is_fed), false});
    (is_fed ? fed : graph.ops).push_back(std::move(op));
  }
  graph.ops.insert(graph.ops.begin(), std::make_move_iterator(fed.begin()), std::make_move_iterator(fed.end()));
  return graph;
}

/// Only the ops of a real graph read anything.
std::string kind_of(const Op& op) { return op.inputs.empty() ? "tap" : std::string(op_kind_name(op.kind)); }

OpRow row_of(const Context& context, const Op& op) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  OpRow row;
  row.op = op.name;
  row.kind = kind_of(op);
  row.layer = op.layer;
  row.own_share = row.reference_share = row.own = row.reference_own = row.inherited = row.residue = kNone;
  row.rms_ratio = row.loudness = row.bias = kNone;
  row.input_difference = row.gain = row.benign_gain = row.benign_low = row.benign_high = kNone;
  measure_values(context, op, row);
  row.role = row.equal_bits() ? Role::clean : Role::unknown;
  row.reason = !row.compared                       ? "its results were not recorded on both sides"
               : row.differs() || row.equal_bits() ? "values compared, nothing replayed"
                                                   : "no element is finite on both sides";
  return row;
}

/// The worst element of the first result that differs.
std::optional<Place> first_place(const Context& context, const Op& op) {
  std::optional<Place> place;
  for_each_measured(context, op, [&](const MeasuredResult& measured) {
    const Metrics& metrics = measured.metrics;
    int64_t at = metrics.masks_agree() ? metrics.max_abs_index : metrics.first_mask_breach;
    if (at < 0) at = metrics.first_mismatch;
    if (at < 0) return true;
    if (!measured.candidate.whole) at = measured.candidate.flat[static_cast<size_t>(at)];
    place = place_of(context, measured.output.path, measured.steps.candidate_step, at);
    return false;
  });
  return place;
}

Finding difference_finding(const Context& context, const std::vector<OpRow>& rows, size_t index) {
  const OpRow& row = rows[index];
  Finding finding;
  finding.code = code::kValuesDiffer;
  finding.op = row.op;
  finding.layer = row.layer;
  finding.title = fmt::format(
      "`{}` is the first op whose values differ (nothing was replayed: its own error is not known)", row.op);
  finding.place = first_place(context, context.graph.ops[index]);
  if (finding.place) finding.window = window_at(context, *finding.place, nullptr);
  finding.evidence.push_back(fmt::format("{:.3g} of its values differ, by {:.3g} at most; relative L2 {:.3g}",
                                         row.unequal, row.max_abs, row.total));
  if (row.nonfinite_differs > 0)
    finding.evidence.push_back(fmt::format("{} elements are NaN or infinite on one side only", row.nonfinite_differs));
  const auto others = std::count_if(rows.begin() + static_cast<std::ptrdiff_t>(index) + 1, rows.end(),
                                    [](const OpRow& other) { return other.differs(); });
  finding.evidence.push_back(fmt::format("{} later ops differ as well", others));
  finding.help.push_back(
      "to tell an op's own error from what it inherits, give the checkpoint: `plumbline find REF CAND --model DIR`");
  return finding;
}

Finding shape_finding(const IncomparableTap& tap) {
  Finding finding;
  finding.code = code::kShapes;
  finding.role = Role::incomparable;
  finding.op = tap.path;
  finding.title = fmt::format("`{}` cannot be compared: {} against {}", tap.path, to_string(tap.reference_shape),
                              to_string(tap.candidate_shape));
  finding.evidence.push_back(tap.reason);
  if (tap.permutation)
    finding.evidence.push_back(
        fmt::format("the permutation ({}) of the candidate's axes would fit", fmt::join(*tap.permutation, ", ")));
  return finding;
}

/// The ops cut down to their taps that are in scope, or to the others.
OpGraph part_of(const OpGraph& graph, const Scope& scope, bool in_scope) {
  OpGraph part;
  part.inputs = graph.inputs;
  for (Op op : graph.ops) {
    std::erase_if(op.outputs, [&](const TapSpec& output) { return scope.has_tap(output.path) != in_scope; });
    if (!op.outputs.empty()) part.ops.push_back(std::move(op));
  }
  return part;
}

std::vector<OpRow> rows_of(const Context& context) {
  const std::vector<Op>& ops = context.graph.ops;
  std::vector<OpRow> rows(ops.size());
  Progress progress("comparing values", static_cast<int64_t>(ops.size()));
  parallel_for(static_cast<int64_t>(ops.size()), context.options.threads, [&](int64_t i) {
    rows[static_cast<size_t>(i)] = row_of(context, ops[static_cast<size_t>(i)]);
    progress.advance();
  });
  return rows;
}

std::vector<Finding> value_findings(const Context& context, const std::vector<OpRow>& rows) {
  std::vector<Finding> findings;
  const auto differs = std::find_if(rows.begin(), rows.end(), [](const OpRow& row) { return row.differs(); });
  if (differs != rows.end())
    findings.push_back(difference_finding(context, rows, static_cast<size_t>(differs - rows.begin())));
  if (auto nonfinite = nonfinite_finding(context, rows)) findings.push_back(std::move(*nonfinite));
  return findings;
}

/// Rows, findings and coverage of what is in scope; gives the findings that are not.
std::vector<Finding> fill(FindReport& report, const Context& context, const Scope& scope) {
  const OpGraph inside = part_of(context.graph, scope, true), beyond = part_of(context.graph, scope, false);
  const Context within = context.with_graph(inside), without = context.with_graph(beyond);
  report.ops = rows_of(within);
  report.findings = value_findings(within, report.ops);
  for (const IncomparableTap& tap : context.pairing.incomparable) report.findings.push_back(shape_finding(tap));
  for (Finding& finding : parameter_findings(context.reference_trace, context.candidate_trace, context.graph,
                                             context.candidate_graph, nullptr, nullptr, report.notes))
    report.findings.push_back(std::move(finding));
  report.unmatched = context.pairing.unmatched;
  std::vector<Finding> outside = value_findings(without, rows_of(without));
  for (Finding& finding : restrict_report(report, scope, context.graph)) outside.push_back(std::move(finding));
  report.coverage.positions = context.alignment.positions;
  for (const OpRow& row : report.ops) report.coverage.judged_ops += row.differs() || row.equal_bits() ? 1 : 0;
  for (const Op& op : inside.ops)
    report.coverage.compared_taps += std::count_if(
        op.outputs.begin(), op.outputs.end(), [&](const TapSpec& output) { return context.pairing.has(output.path); });
  return outside;
}

}  // namespace

FindReport compare_values(const Trace& stored_reference, const Trace& stored_candidate, const FindOptions& options) {
  const OpGraph graph = graph_of_values(stored_reference);
  const bool real_graph = !stored_reference.header().graph_json.empty();
  std::vector<std::string> notes;
  const Trace& reference = stored_reference;  // it gave the graph: nothing to fit
  const Trace candidate = real_graph ? fit_to_graph(stored_candidate, graph, options.threads, notes) : stored_candidate;
  const Scope scope(options.taps, graph, reference, candidate);
  const std::vector<Step> reference_steps = steps_of(reference, graph), candidate_steps = steps_of(candidate, graph);
  FindReport report;
  report.notes = std::move(notes);
  report.scope = scope.summary();
  report.reference = summary_of(reference, reference_steps);
  report.candidate = summary_of(candidate, candidate_steps);
  report.coverage.reference_ops = static_cast<int64_t>(graph.ops.size());
  for (const Op& op : graph.ops) report.layers = std::max(report.layers, op.layer + 1);
  const Alignment alignment = align_steps(reference_steps, candidate_steps);
  auto moot = checkpoint_finding(reference, candidate, nullptr, report.notes);
  if (!moot) moot = prompt_finding(alignment, report.reference.file);
  if (moot) {
    conclude_moot(report, std::move(*moot));
    return report;
  }
  const Model none;
  const Pairing pairing = pair_taps(reference, candidate, graph, alignment, StepsNeeded::any);
  const Replay left(reference, reference_steps, graph, none, pairing),
      right(candidate, candidate_steps, graph, none, pairing);
  const OpGraph candidate_graph =
      candidate.header().graph_json.empty() ? graph : op_graph_from_json(candidate.header().graph_json);
  const Context context{options,   none,    none, graph, candidate_graph, reference, candidate,
                        alignment, pairing, left, right};
  const std::vector<Finding> outside = fill(report, context, scope);
  note_positions(alignment, report);
  note_partial(pairing, alignment, "compared where both sides hold them", report);
  conclude(report, fork_finding(alignment, report.reference.file));
  explain_names(reference, candidate, graph, report);
  state_outside(report, outside);
  return report;
}

}  // namespace plumbline
