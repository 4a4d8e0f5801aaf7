// SPDX-License-Identifier: Apache-2.0
// The walk as a whole: preconditions, pairing, all ops in parallel, roles, findings, outcome.
#include "locate/find.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "core/progress.h"
#include "locate/amplification.h"
#include "locate/attention_forms.h"
#include "locate/causes.h"
#include "locate/equal_taps.h"
#include "locate/findings.h"
#include "locate/foreign.h"
#include "locate/formats.h"
#include "locate/gain.h"
#include "locate/nonfinite.h"
#include "locate/op_walk.h"
#include "locate/parting_bits.h"
#include "locate/provenance.h"
#include "locate/roles.h"
#include "locate/scope.h"
#include "locate/segment_noise.h"
#include "locate/selection.h"
#include "locate/stated_tokens.h"
#include "locate/strangers.h"
#include "locate/used_parameters.h"
#include "locate/yardstick.h"

namespace plumbline {
namespace {

OpGraph graph_of(const Trace& trace, const OpGraph& otherwise) {
  return trace.header().graph_json.empty() ? otherwise : op_graph_from_json(trace.header().graph_json);
}

int layers_of(const OpGraph& graph) {
  int layers = 0;
  for (const Op& op : graph.ops) layers = std::max(layers, op.layer + 1);
  return layers;
}

void note_faults(const Trace& trace, std::string_view side, FindReport& report) {
  for (const std::string& fault : trace.header().faults)
    report.notes.push_back(fmt::format("the {} was run with `--fault {}`", side, fault));
  if (trace.header().recovered)
    report.notes.push_back(fmt::format("the {} was recovered from an unfinished run", side));
}

Coverage coverage_of(const Context& context, const std::vector<OpResult>& results, const Scope& scope) {
  Coverage coverage;
  coverage.reference_ops = static_cast<int64_t>(context.graph.ops.size());
  const std::set<std::string> judged = judged_ops(results);
  coverage.judged_ops = std::count_if(judged.begin(), judged.end(), [&](const auto& op) { return scope.has_op(op); });
  for (const Op& op : context.graph.ops)
    for (const TapSpec& output : op.outputs)
      if (!output.inner && context.pairing.has(output.path) && scope.has_tap(output.path)) ++coverage.compared_taps;
  coverage.positions = context.alignment.positions;
  return coverage;
}

/// Parity to the last bit is more than parity, and is said first; else where the bits part. Not of a selection.
void state_equal_bits(const Context& context, FindReport& report) {
  if (report.scope || report.outcome != Outcome::parity) return;
  report.equality = bit_equality(context.reference_trace, context.candidate_trace, context.alignment);
  if (!report.equality) {
    for (std::string& note : parting_notes(context)) report.notes.push_back(std::move(note));
    return;
  }
  const int64_t taps = report.equality->taps;
  report.headline = fmt::format("bit-identical, {} of {} taps; {}", taps, taps, report.headline);
}

/// Noise is drawn where there is a difference to set it against, or everywhere if gains are what is asked for.
void measure_benign_gains(const Context& context, std::vector<OpResult>& results) {
  Progress progress("measuring benign gains", static_cast<int64_t>(results.size()));
  parallel_for(static_cast<int64_t>(results.size()), context.options.threads, [&](int64_t i) {
    progress.advance();
    OpRow& row = results[static_cast<size_t>(i)].row;
    if (!row.judged || !(row.input_difference > 0.0 || context.options.amplification)) return;
    if (const auto gain = benign_gain(context, context.graph.ops[static_cast<size_t>(i)])) {
      row.benign_gain = gain->median;
      row.benign_low = gain->low;
      row.benign_high = gain->high;
    }
  });
}

void walk_ops(const Context& context, std::vector<OpResult>& results) {
  Progress progress("replaying ops", static_cast<int64_t>(results.size()));
  parallel_for(static_cast<int64_t>(results.size()), context.options.threads, [&](int64_t i) {
    results[static_cast<size_t>(i)] = walk_op(context, context.graph.ops[static_cast<size_t>(i)]);
    progress.advance();
  });
}

/// Segments whose bounds decide too little are walked again, with the noise of their replay as the limit.
void walk_by_noise(const Context& context, Replay& reference, Replay& candidate, std::vector<OpResult>& results) {
  std::set<std::string> ends, members;
  std::vector<size_t> again;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].needs_noise) continue;
    again.push_back(i);
    ends.insert(results[i].row.op);
    members.insert(results[i].through.begin(), results[i].through.end());
  }
  if (ends.empty()) return;
  Progress progress("drawing the noise of segments", 2);
  parallel_for(2, context.options.threads, [&](int64_t side) {
    Replay& replay = side == 0 ? reference : candidate;
    replay.hold_to(segment_noise(replay, ends, members, context.options.seed));
    progress.advance();
  });
  parallel_for(static_cast<int64_t>(again.size()), context.options.threads, [&](int64_t i) {
    const size_t at = again[static_cast<size_t>(i)];
    results[at] = walk_op(context, context.graph.ops[at]);
  });
}

void measure_amplification(const Context& context, FindReport& report) {
  if (!context.options.amplification) return;
  for (size_t i = 0; i < report.ops.size(); ++i)
    report.ops[i].predicted_gain = predicted_gain(context.graph.ops[i], context.model);
  report.amplification = amplification_of(context.graph, report.ops);
}

/// Says of a report whose first finding is that of the formats whether anything else is wrong.
void headline_of_formats(FindReport& report) {
  const auto errors = std::count_if(report.findings.begin(), report.findings.end(),
                                    [](const Finding& finding) { return finding.level == Level::error; });
  report.headline = report.findings.front().title +
                    (errors == 1 ? "; no op's own error passes the bound of its own format"
                                 : fmt::format("; besides, {} finding{}", errors - 1, errors == 2 ? "" : "s"));
}

FindReport report_head(const Trace& reference, const Trace& candidate, const std::vector<Step>& reference_steps,
                       const std::vector<Step>& candidate_steps, const OpGraph& graph) {
  FindReport report;
  report.reference = summary_of(reference, reference_steps);
  report.candidate = summary_of(candidate, candidate_steps);
  report.layers = layers_of(graph);
  report.coverage.reference_ops = static_cast<int64_t>(graph.ops.size());
  note_faults(reference, "reference", report);
  note_faults(candidate, "candidate", report);
  return report;
}

}  // namespace

FindReport find_divergence(const Trace& stored_reference, const Trace& stored_candidate, const Model& checkpoint,
                           const FindOptions& options) {
  const DType expected = format_of_run(stored_reference, checkpoint);
  const DType actual = format_of_run(stored_candidate, checkpoint);
  std::optional<Model> of_reference, of_candidate;
  const Model& model = model_in(expected, checkpoint, of_reference);
  const Model& candidate_model = expected == actual ? model : model_in(actual, checkpoint, of_candidate);
  const OpGraph stated = graph_of(stored_reference, model.graph);
  const OpGraph graph = yardstick(stated, graph_of(stored_candidate, model.graph), model.graph);
  const OpGraph candidate_view = retyped(graph, expected, actual);
  std::vector<std::string> notes;
  const Trace reference = fit_to_graph(stored_reference, graph, options.threads, notes);
  const Trace candidate = fit_to_graph(stored_candidate, candidate_view, options.threads, notes);
  const std::vector<Step> reference_steps = steps_of(reference, graph), candidate_steps = steps_of(candidate, graph);
  FindReport report = report_head(reference, candidate, reference_steps, candidate_steps, graph);
  report.model = model.directory.string();
  const Scope scope(options.taps, graph, reference, candidate);
  report.scope = scope.summary();
  report.notes.insert(report.notes.end(), notes.begin(), notes.end());
  if (!options.ignore_digests) {
    if (auto other = checkpoint_finding(reference, candidate, &model, report.notes)) {
      conclude_moot(report, std::move(*other));
      return report;
    }
  }
  const Alignment alignment = align_steps(reference_steps, candidate_steps);
  if (auto prompt = prompt_finding(alignment, report.reference.file)) {
    conclude_moot(report, std::move(*prompt));
    return report;
  }
  const Pairing pairing = pair_taps(reference, candidate, graph, alignment);
  Replay reference_replay(reference, reference_steps, graph, model, pairing);
  Replay candidate_replay(candidate, candidate_steps, candidate_view, candidate_model, pairing);
  parallel_for(2, options.threads, [&](int64_t side) { (side == 0 ? reference_replay : candidate_replay).prepare(); });
  const OpGraph candidate_graph = graph_of(candidate, graph);
  const Context context{options,   model,   candidate_model,  graph,           candidate_graph, reference, candidate,
                        alignment, pairing, reference_replay, candidate_replay};
  std::vector<OpResult> results(graph.ops.size());
  walk_ops(context, results);
  walk_by_noise(context, reference_replay, candidate_replay, results);
  try_attention_forms(context, candidate_steps, candidate_view, results, report.notes);
  measure_benign_gains(context, results);
  blame_dropped_ops(graph, results);
  assign_roles(graph, pairing, results);
  blame_ops_left_out_by_reference(graph, stated, results);
  find_causes(context, results);
  std::vector<Finding> parameters;
  if (!options.ignore_digests)
    parameters = parameter_findings(reference, candidate, graph, candidate_graph, &model,
                                    context.formats_differ() ? &candidate_model : nullptr, report.notes);
  report.findings = collect_findings(context, results, std::move(parameters));
  if (context.formats_differ())
    report.findings.insert(report.findings.begin(), formats_finding(reference, expected, candidate, actual));
  report.unmatched = pairing.unmatched;
  report.coverage = coverage_of(context, results, scope);
  note_strangers(graph, pairing, report);
  note_positions(alignment, report);
  if (std::string note = token_note(alignment, reference_steps, candidate_steps); !note.empty())
    report.notes.push_back(std::move(note));
  note_partial(pairing, alignment,
               "not judged there, like taps of one side; `plumbline diff --values-only` compares the steps that both "
               "sides hold",
               report);
  for (OpResult& result : results) report.ops.push_back(std::move(result.row));
  measure_amplification(context, report);
  if (auto nonfinite = nonfinite_finding(context, report.ops)) report.findings.push_back(std::move(*nonfinite));
  const std::vector<Finding> outside = restrict_report(report, scope, graph);
  conclude(report, fork_finding(alignment, report.reference.file));
  explain_names(reference, candidate, graph, report);
  if (context.formats_differ() && report.outcome == Outcome::divergence) headline_of_formats(report);
  state_equal_bits(context, report);
  state_outside(report, outside);
  if (options.ignore_digests) report.headline += "; digests ignored, judged by the numbers alone";
  return report;
}

}  // namespace plumbline
