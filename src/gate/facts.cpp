// SPDX-License-Identifier: Apache-2.0
// Facts out of headers and indices.
#include "gate/facts.h"

#include <plumbline/op_graph.h>

namespace plumbline {
namespace {

std::set<std::string> taps_of(const Trace& trace) {
  std::set<std::string> paths;
  for (const TapEntry& tap : trace.taps()) paths.insert(tap.path);
  return paths;
}

OpGraph graph_of(const Trace& trace) {
  return trace.header().graph_json.empty() ? OpGraph{} : op_graph_from_json(trace.header().graph_json);
}

std::map<std::string, std::string> contracts_of(const OpGraph& graph) {
  std::map<std::string, std::string> contracts;
  for (const Op& op : graph.ops) contracts.emplace(op.name, op.contract);
  return contracts;
}

}  // namespace

GateFacts gate_facts(const Trace& reference, const Trace& candidate) {
  GateFacts facts;
  const OpGraph graph = graph_of(reference);
  for (const Op& op : graph.ops)
    for (const TapSpec& spec : op.outputs)
      if (!spec.inner) facts.declared.insert(spec.path);
  facts.reference_taps = taps_of(reference);
  facts.candidate_taps = taps_of(candidate);
  facts.reference_contracts = contracts_of(graph);
  facts.candidate_contracts = contracts_of(graph_of(candidate));
  const TraceHeader& header = candidate.header();
  facts.candidate_run = {{"backend", header.backend}, {"device", header.device}};
  for (const auto& [key, value] : header.environment) facts.candidate_run.emplace("environment." + key, value);
  return facts;
}

}  // namespace plumbline
