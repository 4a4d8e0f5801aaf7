// SPDX-License-Identifier: Apache-2.0
#include "locate/settings.h"

#include <fmt/format.h>

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

}  // namespace

std::vector<std::string> setting_differences(const Context& context, const Op& op) {
  std::vector<std::string> lines;
  const Op* candidate = context.candidate_graph.find(op.name);
  if (candidate == nullptr) return lines;
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
