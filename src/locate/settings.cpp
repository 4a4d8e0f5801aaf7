// SPDX-License-Identifier: Apache-2.0
#include "locate/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "locate/codes.h"

namespace plumbline {
namespace {

std::string text_of(const Attributes& attributes, const std::string& key) {
  const auto found = attributes.find(key);
  if (found == attributes.end()) return "absent";
  return std::visit([](const auto& value) { return fmt::format("{}", value); }, found->second);
}

std::string whose(const Context& context, const Op& op, const std::string& key, const Op& candidate) {
  const Op* stated = context.model.graph.find(op.name);
  if (stated == nullptr) return "";
  const std::string truth = text_of(stated->attributes, key);
  if (truth == text_of(op.attributes, key)) return "; the reference's is the checkpoint's";
  return truth == text_of(candidate.attributes, key) ? "; the candidate's is the checkpoint's"
                                                     : fmt::format("; the checkpoint's is {}", truth);
}

void note(std::vector<std::string>& lines, std::string_view what, std::string_view left, std::string_view right) {
  if (left != right)
    lines.push_back(fmt::format("{} is {} in the reference's graph, {} in the candidate's", what, left, right));
}

/// Inputs by their producers: where the reference's is an op that the candidate left out, that op has a finding.
std::vector<std::string> structure_differences(const Context& context, const Op& op, const Op& candidate) {
  std::vector<std::string> lines;
  note(lines, "its kind", op_kind_name(op.kind), op_kind_name(candidate.kind));
  note(lines, "its contract", op.contract, candidate.contract);
  for (size_t i = 0; i < std::max(op.inputs.size(), candidate.inputs.size()); ++i) {
    const std::string left = i < op.inputs.size() ? op.inputs[i] : "absent";
    const std::string right = i < candidate.inputs.size() ? candidate.inputs[i] : "absent";
    const Op* producer = context.graph.producer(left);
    if (producer == nullptr || context.candidate_graph.find(producer->name) != nullptr)
      note(lines, fmt::format("its input {}", i), left, right);
  }
  return lines;
}

}  // namespace

std::vector<std::string> setting_differences(const Context& context, const Op& op) {
  const Op* candidate = context.candidate_graph.find(op.name);
  if (candidate == nullptr) return {"the candidate's graph has no such op"};
  std::vector<std::string> lines = structure_differences(context, op, *candidate);
  Attributes keys = op.attributes;
  keys.insert(candidate->attributes.begin(), candidate->attributes.end());
  for (const auto& [key, value] : keys) {
    const std::string left = text_of(op.attributes, key), right = text_of(candidate->attributes, key);
    if (left != right)
      lines.push_back(fmt::format("{} is {} in the reference's graph, {} in the candidate's{}", key, left, right,
                                  whose(context, op, key, *candidate)));
  }
  return lines;
}

Finding settings_finding(const Op& op, std::vector<std::string> differences) {
  Finding finding;
  finding.code = code::kSettingsDiffer;
  finding.op = op.name;
  finding.layer = op.layer;
  finding.title = fmt::format("`{}` was run with other settings, which these data do not show", op.name);
  finding.evidence = std::move(differences);
  finding.help.push_back("follow how this value is read from config.json on the side that departs");
  return finding;
}

}  // namespace plumbline
