// SPDX-License-Identifier: Apache-2.0
// The parts together. Noise needs the checkpoint loaded and every tap's values; where one is not to be had the rest is
// reported all the same.
#include "locate/measured_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <plumbline/error.h>

#include "core/printable.h"
#include "locate/provenance.h"

namespace plumbline {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Of a norm's weight, by layer.
std::map<int, const WeightStatistics*> statistics_of(const AuditReport& audit, std::string_view kind) {
  std::map<int, const WeightStatistics*> all;
  for (const AuditedTensor& tensor : audit.tensors)
    if (tensor.kind == kind && tensor.statistics) all[tensor.layer] = &*tensor.statistics;
  return all;
}

/// Of an op's results, to their rms; NaN if it was not measured.
double relative_noise(const std::optional<NoiseFloor>& floor, const std::string& name) {
  if (!floor) return kNone;
  const auto found = std::ranges::find(floor->ops, name, &OpNoise::op);
  return found == floor->ops.end() ? kNone : found->relative;
}

std::vector<LogitRow> logit_rows(const AuditReport& audit, const Trace& trace, const OpGraph& graph,
                                 const std::optional<NoiseFloor>& floor) {
  const auto q = statistics_of(audit, "self_attn.q_norm.weight"), k = statistics_of(audit, "self_attn.k_norm.weight");
  std::vector<LogitRow> rows;
  for (const SeenLogits& seen : seen_logits(trace, graph)) {
    const bool normed = q.contains(seen.layer) && k.contains(seen.layer);
    rows.push_back({seen.layer, normed ? largest_logit(audit.config, *q.at(seen.layer), *k.at(seen.layer)) : kNone,
                    seen.largest, relative_noise(floor, seen.op) * seen.rms});
  }
  return rows;
}

OpGraph graph_of(const Trace& trace) {
  if (!trace.header().graph_json.empty()) return op_graph_from_json(trace.header().graph_json);
  throw InputError("the trace holds no op graph", {"file  " + trace.file().string()},
                   "give --trace a run of `plumbline run`, whose stages are known");
}

void require_same_config(const AuditReport& audit, const Trace& trace) {
  if (trace.header().architecture == audit.config.architecture) return;
  throw InputError("the trace is of another architecture",
                   {fmt::format("file   {}: {}", trace.file().string(), printable_text(trace.header().architecture)),
                    fmt::format("model  {}: {}", audit.directory.string(), printable_text(audit.config.architecture))},
                   "record the model that is audited");
}

/// Throws InputError for a trace of another checkpoint.
void require_same_weights(const Trace& trace, const Model& model) {
  std::vector<std::string> notes;
  const std::optional<Finding> other = checkpoint_finding(trace, trace, &model, notes);
  if (!other) return;
  throw InputError("the trace is of another checkpoint",
                   {"file   " + trace.file().string(), "model  " + model.directory.string(), other->title},
                   "record the model that is audited");
}

void add_noise(const AuditReport& audit, const Trace& trace, int runs, int threads, MeasuredAudit& measured) {
  if (runs == 0) return;
  if (measured.stages.of_statistics) {
    measured.without_noise = "the trace holds statistics alone: record values";
    return;
  }
  std::optional<Model> model;
  try {
    model = load_model(audit.directory);
  } catch (const Error& error) {
    const std::string message = error.what();
    measured.without_noise = "the checkpoint cannot be loaded: " + message.substr(0, message.find('\n'));
    return;
  }
  require_same_weights(trace, *model);
  if (!trace.header().faults.empty()) {
    measured.without_noise = "the run has a planted defect, and noise is that of the model as it is";
    return;
  }
  measured.noise =
      measure_noise(trace, *model, {}, nullptr, {.runs = runs, .seed = 1, .threads = threads}).floors.front();
}

}  // namespace

MeasuredAudit measure_audit(const AuditReport& audit, const Trace& trace, int runs, int threads) {
  const OpGraph graph = graph_of(trace);
  require_same_config(audit, trace);
  MeasuredAudit measured;
  measured.file = trace.file().string();
  measured.backend = trace.header().backend;
  measured.stages = stage_table(trace, graph);
  if (measured.stages.stages.empty())
    throw InputError("the trace holds no stage of the model",
                     {"file  " + measured.file, fmt::format("{} stages were looked for", measured.stages.missing)},
                     "record all taps, or --taps stats");
  add_noise(audit, trace, runs, threads, measured);
  measured.logits = logit_rows(audit, trace, graph, measured.noise);
  return measured;
}

}  // namespace plumbline
