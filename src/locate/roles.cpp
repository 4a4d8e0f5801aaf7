// SPDX-License-Identifier: Apache-2.0
// Roles of ops.
#include "locate/roles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

namespace plumbline {
namespace {

using Producers = std::map<std::string, size_t>;  // tap path -> index of its op

Producers producers_of(const OpGraph& graph) {
  Producers producers;
  for (size_t i = 0; i < graph.ops.size(); ++i)
    for (const TapSpec& output : graph.ops[i].outputs) producers.emplace(output.path, i);
  return producers;
}

bool amplifies(const OpResult& result) {
  const OpRow& row = result.row;
  return result.explained >= kExplainedShare && row.benign_high > 0.0 && row.gain > kGainFactor * row.benign_high;
}

bool damps(const OpRow& row) { return !std::isnan(row.benign_low) && row.gain < row.benign_low / kGainFactor; }

Role role_of(const OpResult& result, bool is_below) {
  const OpRow& row = result.row;
  if (result.candidate_failure) return result.candidate_failure->contract.empty() ? Role::origin : Role::contract;
  if (!row.judged && !row.reference_failed && row.equal_bits()) return Role::clean;
  // Flooded with NaN or infinity, as the replay is: they came in with the inputs.
  if (!row.judged && result.reproduced && is_below && result.beyond_noise) return Role::inherited;
  if (row.reference_failed || !row.judged) return Role::unknown;
  if (amplifies(result)) return Role::amplifier;
  if (!is_below || !result.beyond_noise) return Role::clean;
  return damps(row) ? Role::damper : Role::inherited;
}

/// Unrecorded ops take the verdict of the segments they lie in: clean if all of those are sound.
void assign_members(const OpGraph& graph, std::vector<OpResult>& results) {
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < graph.ops.size(); ++i) index.emplace(graph.ops[i].name, i);
  std::map<size_t, std::vector<size_t>> ends;  // member -> ends of its segments
  for (size_t i = 0; i < results.size(); ++i) {
    for (const std::string& member : results[i].through) ends[index.at(member)].push_back(i);
    for (const Op& op : graph.ops)
      if (results[i].through.contains(op.name)) results[i].row.segment.push_back(op.name);
  }
  for (const auto& [member, segments] : ends) {
    OpRow& row = results[member].row;
    if (row.compared || row.failed) continue;  // partly recorded, or left out: it has a verdict of its own
    const auto unsound = std::find_if(segments.begin(), segments.end(), [&](size_t end) {
      const Role role = results[end].row.role;
      return role == Role::origin || role == Role::contract || role == Role::unknown || !results[end].row.judged;
    });
    const size_t end = unsound == segments.end() ? segments.front() : *unsound;
    row.role = unsound == segments.end() ? results[end].row.role : Role::unknown;
    row.reason = fmt::format("judged as part of the segment that ends at {}", results[end].row.op);
  }
}

/// Ops that nothing recorded on both sides depends on: whatever they did, it shows nowhere.
void mark_unseen(const OpGraph& graph, std::vector<OpResult>& results) {
  std::set<std::string> members;
  for (const OpResult& result : results) members.insert(result.through.begin(), result.through.end());
  for (size_t i = 0; i < results.size(); ++i) {
    OpRow& row = results[i].row;
    if (row.compared || row.failed || members.contains(row.op)) continue;
    row.reason = "neither its results nor any tap after it were recorded on both sides";
    for (const TapSpec& output : graph.ops[i].outputs)
      if (!output.inner) row.missing.push_back(output.path);
  }
}

void mark_incomparable(const OpGraph& graph, const Pairing& pairing, std::vector<OpResult>& results) {
  const Producers producers = producers_of(graph);
  for (const IncomparableTap& tap : pairing.incomparable) {
    const auto producer = producers.find(tap.path);
    if (producer == producers.end()) continue;
    const auto& outputs = graph.ops[producer->second].outputs;
    const auto spec =
        std::find_if(outputs.begin(), outputs.end(), [&](const TapSpec& s) { return s.path == tap.path; });
    if (spec->inner) continue;
    OpRow& row = results[producer->second].row;
    row.role = Role::incomparable;
    row.reason = fmt::format("{}: {}", tap.path, tap.reason);
  }
}

}  // namespace

void blame_dropped_ops(const OpGraph& graph, std::vector<OpResult>& results) {
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < graph.ops.size(); ++i) index.emplace(graph.ops[i].name, i);
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].candidate_failure || results[i].candidate_failure->dropped.empty()) continue;
    OpResult& dropped = results[index.at(results[i].candidate_failure->dropped)];
    if (!dropped.candidate_failure) {
      dropped.candidate_failure = std::move(results[i].candidate_failure);
      const OpRow& end = results[i].row;
      dropped.row.failed = true;
      dropped.row.reason = fmt::format("the candidate left it out; seen at {}", end.op);
      dropped.row.own_share = dropped.candidate_failure->share;
      dropped.row.mismatch = dropped.candidate_failure->mismatch;
      dropped.row.expected_mismatch = dropped.candidate_failure->expected_mismatch;
      dropped.row.reference_share = end.reference_share;
      dropped.row.total = end.total;
      dropped.row.own = end.own;
    }
    // The split by the reference's function no longer says what this op added: it passed on what it was given.
    results[i].row.own = results[i].row.inherited = results[i].row.gain = std::numeric_limits<double>::quiet_NaN();
    results[i].candidate_failure.reset();
    results[i].row.failed = false;
    results[i].beyond_noise = true;
  }
}

void assign_roles(const OpGraph& graph, const Pairing& pairing, std::vector<OpResult>& results) {
  std::vector<bool> failed(results.size());
  for (size_t i = 0; i < results.size(); ++i) failed[i] = results[i].candidate_failure.has_value();
  const std::vector<bool> is_below = below(graph, failed);
  for (size_t i = 0; i < results.size(); ++i) {
    OpRow& row = results[i].row;
    row.role = role_of(results[i], is_below[i]);
    if (row.role == Role::contract) row.contract = results[i].candidate_failure->contract;
    if (row.reference_failed && row.role == Role::unknown) row.reason = "the reference breaks its own bound here";
    if (!row.judged && row.role == Role::clean)
      row.reason = "not judged (" + row.reason + "), but equal bits on both sides";
  }
  assign_members(graph, results);
  mark_unseen(graph, results);
  mark_incomparable(graph, pairing, results);
}

std::vector<bool> below(const OpGraph& graph, const std::vector<bool>& sources) {
  const Producers producers = producers_of(graph);
  std::vector<bool> reached(graph.ops.size(), false);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    for (const std::string& input : graph.ops[i].inputs) {
      const auto producer = producers.find(input);
      if (producer != producers.end() && (sources[producer->second] || reached[producer->second])) reached[i] = true;
    }
  }
  return reached;
}

bool only_inherits(Role role) { return role == Role::inherited || role == Role::amplifier || role == Role::damper; }

int64_t explained_by(const OpGraph& graph, const std::vector<OpResult>& results, size_t index) {
  std::vector<bool> source(results.size(), false);
  source[index] = true;
  const std::vector<bool> reached = below(graph, source);
  int64_t count = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (reached[i] && only_inherits(results[i].row.role)) ++count;
  }
  return count;
}

std::set<std::string> judged_ops(const std::vector<OpResult>& results) {
  std::set<std::string> judged;
  for (const OpResult& result : results) {
    const OpRow& row = result.row;
    if (row.reference_failed || row.role == Role::incomparable) continue;
    if (!row.judged && row.role != Role::clean) continue;
    judged.insert(row.op);
    if (row.judged) judged.insert(row.segment.begin(), row.segment.end());
  }
  return judged;
}

}  // namespace plumbline
