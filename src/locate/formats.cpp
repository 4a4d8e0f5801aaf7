// SPDX-License-Identifier: Apache-2.0
#include "locate/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "locate/codes.h"
#include "model/cast.h"

namespace plumbline {
namespace {

std::optional<DType> stated_format(const Trace& trace) {
  const auto& environment = trace.header().environment;
  const auto stated = environment.find("dtype");
  if (stated != environment.end()) return parse_dtype(stated->second);
  if (trace.header().graph_json.empty()) return std::nullopt;
  const OpGraph graph = op_graph_from_json(trace.header().graph_json);
  if (graph.ops.empty() || graph.ops.front().outputs.empty()) return std::nullopt;
  return graph.ops.front().outputs.front().dtype;
}

/// A tap in a wider format may hold widened values; one in another format of the same or a smaller size cannot.
DType format_of_taps(const Trace& trace, const Model& model) {
  const DType own = model.config.dtype;
  std::map<std::string, bool, std::less<>> results;
  for (const Op& op : model.graph.ops)
    for (const TapSpec& spec : op.outputs)
      if (!spec.inner && spec.dtype == own) results.emplace(spec.path, true);
  std::map<DType, int64_t> counts;
  int64_t all = 0;
  for (const TapEntry& entry : trace.taps()) {
    if (!results.contains(entry.path)) continue;
    ++all;
    ++counts[entry.dtype];
  }
  for (const DType other : {DType::bf16, DType::f16, DType::f32})
    if (2 * counts[other] > all && element_bytes(other) <= element_bytes(own)) return other;
  return own;
}

std::string side_text(const Trace& trace, std::string_view side, DType dtype) {
  std::string text = fmt::format("{} ({}): computed in {}", side, trace.file().string(), dtype_name(dtype));
  const auto& environment = trace.header().environment;
  const auto cast = environment.find("cast");
  if (cast != environment.end()) text += "; its weights were cast, " + cast->second;
  return text;
}

}  // namespace

DType format_of_run(const Trace& trace, const Model& model) {
  const std::optional<DType> stated = stated_format(trace);
  const DType dtype = stated ? *stated : format_of_taps(trace, model);
  const bool known = dtype == DType::bf16 || dtype == DType::f16 || dtype == DType::f32;
  return known ? dtype : model.config.dtype;
}

const Model& model_in(DType dtype, const Model& model, std::optional<Model>& storage) {
  if (dtype == model.config.dtype) return model;
  storage = model;
  cast_weights(*storage, dtype);
  return *storage;
}

Op retyped(const Op& op, DType from, DType to) {
  Op result = op;
  for (TapSpec& spec : result.outputs)
    if (!spec.inner && spec.dtype == from) spec.dtype = to;
  return result;
}

OpGraph retyped(const OpGraph& graph, DType from, DType to) {
  OpGraph result = graph;
  for (Op& op : result.ops) op = retyped(op, from, to);
  return result;
}

Finding formats_finding(const Trace& reference, DType expected, const Trace& candidate, DType actual) {
  Finding finding;
  finding.code = code::kFormatsDiffer;
  finding.title =
      fmt::format("the reference computed in {}, the candidate in {}", dtype_name(expected), dtype_name(actual));
  finding.evidence.push_back(side_text(reference, "reference", expected));
  finding.evidence.push_back(side_text(candidate, "candidate", actual));
  finding.evidence.push_back(
      "every op of each side was judged by its contract in that side's own format, with the weights in that format");
  finding.help.push_back(
      fmt::format("for parity run both in one format: `plumbline run MODEL --dtype {} ...`", dtype_name(actual)));
  return finding;
}

}  // namespace plumbline
