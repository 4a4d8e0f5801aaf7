// SPDX-License-Identifier: Apache-2.0
#include "locate/used_parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "locate/codes.h"

namespace plumbline {
namespace {

using Digests = std::map<std::string, std::string>;

/// Digest of one parameter; "" if there is none.
std::string stated(const Digests& digests, const std::string& name) {
  const auto found = digests.find(name);
  return found == digests.end() ? "" : found->second;
}

std::string stored(const Model& model, const std::string& name) {
  const auto found = model.parameters.find(name);
  return found == model.parameters.end() ? "" : digest(found->second.view());
}

/// One parameter as both sides used it ("": not at all), and as the checkpoint holds it in the format of each.
struct Used {
  std::string name, reference, candidate;
  bool checked = false;  ///< the checkpoint is at hand
  std::string reference_truth = {}, candidate_truth = {};

  bool one_sided() const { return reference.empty() || candidate.empty(); }
  bool reference_is_right() const { return checked && reference == reference_truth; }
  bool candidate_is_right() const { return checked && candidate == candidate_truth; }
};

const Op* user_of(const std::string& parameter, const OpGraph& graph) {
  for (const Op& op : graph.ops)
    if (std::find(op.parameters.begin(), op.parameters.end(), parameter) != op.parameters.end()) return &op;
  return nullptr;
}

std::string verdict_of(const Used& used) {
  if (used.reference_truth.empty()) return "the checkpoint has no such tensor";
  if (used.reference_is_right()) return "the reference's is the checkpoint's";
  return used.candidate_is_right() ? "the candidate's is the checkpoint's" : "neither is the checkpoint's";
}

Finding finding_of(const Used& used, const Op* user) {
  Finding finding;
  finding.code = used.one_sided() ? code::kParameterOneSided : code::kParameterDiffers;
  finding.title = used.one_sided() ? fmt::format("parameter {} was used by the {} only", used.name,
                                                 used.candidate.empty() ? "reference" : "candidate")
                                   : fmt::format("parameter {} is not the same numbers as used", used.name);
  if (used.candidate_is_right() && !used.reference_is_right()) {
    finding.level = Level::warning;
    finding.title += ": the reference departs from the checkpoint";
  }
  if (user != nullptr) {
    finding.op = user->name;
    finding.layer = user->layer;
    finding.evidence.push_back(fmt::format("read by {}", user->name));
  }
  if (!used.one_sided())
    finding.evidence.push_back(fmt::format("digest {} against {}", used.reference, used.candidate));
  if (used.checked) finding.evidence.push_back(verdict_of(used));
  finding.help.push_back("follow how this one tensor is loaded, laid out and converted on the side that departs");
  return finding;
}

}  // namespace

std::vector<Finding> parameter_findings(const Trace& reference, const Trace& candidate, const OpGraph& reference_graph,
                                        const OpGraph& candidate_graph, const Model* model,
                                        const Model* candidate_model, std::vector<std::string>& notes) {
  const Digests &expected = reference.header().parameters, &actual = candidate.header().parameters;
  if (expected.empty() || actual.empty()) {
    notes.push_back("parameters as used are not stated on both sides; they were not compared by digest");
    return {};
  }
  std::set<std::string> names;
  for (const Digests* digests : {&expected, &actual})
    for (const auto& [name, digest] : *digests) names.insert(name);
  std::vector<Finding> findings;
  for (const std::string& name : names) {
    Used used{name, stated(expected, name), stated(actual, name)};
    if (used.reference == used.candidate) continue;
    if (model != nullptr) {
      used.checked = true;
      used.reference_truth = stored(*model, name);
      used.candidate_truth = candidate_model == nullptr ? used.reference_truth : stored(*candidate_model, name);
    }
    if (used.reference_is_right() && used.candidate_is_right()) continue;
    const Op* user = user_of(name, reference_graph);
    findings.push_back(finding_of(used, user == nullptr ? user_of(name, candidate_graph) : user));
  }
  return findings;
}

int64_t departures_of_reference(const std::vector<Finding>& findings) {
  return std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
    const bool parameter = finding.code == code::kParameterDiffers || finding.code == code::kParameterOneSided;
    return parameter && finding.level == Level::warning;
  });
}

}  // namespace plumbline
