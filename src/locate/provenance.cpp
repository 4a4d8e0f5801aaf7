// SPDX-License-Identifier: Apache-2.0
// Digests and tokens of two runs.
#include "locate/provenance.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "locate/codes.h"

namespace plumbline {
namespace {

using Digests = std::map<std::string, std::string>;

Digests digests_of(const Model& model) {
  Digests digests;
  for (const FileDigest& file : model.files) digests[file.name] = fmt::format("{} {}", file.xxh3, file.bytes);
  return digests;
}

/// First file whose digests differ, or that one side lacks: "config.json: A against B".
std::string first_difference(const Digests& expected, const Digests& actual) {
  std::set<std::string> names;
  for (const auto& [name, digest] : expected) names.insert(name);
  for (const auto& [name, digest] : actual) names.insert(name);
  for (const std::string& name : names) {
    const auto a = expected.find(name), b = actual.find(name);
    const std::string left = a == expected.end() ? "absent" : a->second;
    const std::string right = b == actual.end() ? "absent" : b->second;
    if (left != right) return fmt::format("{}: {} against {}", name, left, right);
  }
  return "";
}

Finding checkpoint_difference(std::string_view code, std::string title, const std::string& difference,
                              std::string help) {
  Finding finding;
  finding.code = code;
  finding.title = std::move(title);
  finding.evidence.push_back("file and XXH3 digest and bytes as read: " + difference);
  finding.help.push_back(std::move(help));
  return finding;
}

/// Files may differ while the numbers do not (sharded otherwise, another key in config.json), and the reverse matters
/// more: what the two runs used decides how much the difference of the files means.
std::string parameters_text(const Digests& expected, const Digests& actual) {
  if (expected.empty() || actual.empty()) return "the parameters as used are not stated on both sides";
  size_t common = 0, unequal = 0;
  std::string first;
  for (const auto& [name, digest] : expected) {
    const auto other = actual.find(name);
    if (other == actual.end()) continue;
    ++common;
    if (other->second == digest) continue;
    if (unequal++ == 0) first = name;
  }
  const size_t only = expected.size() + actual.size() - 2 * common;
  const std::string alone = only == 0 ? "" : fmt::format("; {} more were used on one side only", only);
  if (unequal == 0) return fmt::format("the {} parameters that both sides used are the same numbers{}", common, alone);
  return fmt::format("{} of {} parameters as used differ, the first is {}{}", unequal, common, first, alone);
}

std::string token_text(int64_t token) { return token == kUnknownToken ? "unknown" : std::to_string(token); }

}  // namespace

std::optional<Finding> checkpoint_finding(const Trace& reference, const Trace& candidate, const Model* model,
                                          std::vector<std::string>& notes) {
  const Digests& expected = reference.header().files;
  const Digests& actual = candidate.header().files;
  for (const Trace* trace : {&reference, &candidate})
    if (trace->header().files.empty())
      notes.push_back(fmt::format("{} does not state its checkpoint's files; taken to be those of the model given",
                                  trace->file().string()));
  if (!expected.empty() && !actual.empty()) {
    const std::string difference = first_difference(expected, actual);
    if (!difference.empty()) {
      Finding finding =
          checkpoint_difference(code::kOtherCheckpoint, "the two traces were made from different checkpoints",
                                difference, "record both runs from the same model directory");
      finding.evidence.push_back(parameters_text(reference.header().parameters, candidate.header().parameters));
      return finding;
    }
  }
  if (model == nullptr) return std::nullopt;
  for (const Digests* stated : {&expected, &actual}) {
    if (stated->empty()) continue;
    const std::string difference = first_difference(*stated, digests_of(*model));
    if (!difference.empty())
      return checkpoint_difference(
          code::kOtherModel,
          fmt::format("{} is not the checkpoint the traces were made from", model->directory.string()), difference,
          "give the right directory: --model DIR");
  }
  return std::nullopt;
}

std::optional<Finding> prompt_finding(const Alignment& alignment, const std::string& reference_file) {
  if (!alignment.difference || !alignment.in_prompt) return std::nullopt;
  Finding finding;
  finding.code = code::kTokensDiffer;
  finding.title =
      fmt::format("the prompts differ: position {} holds token {} in the reference, {} in the candidate",
                  *alignment.difference, token_text(alignment.reference_token), token_text(alignment.candidate_token));
  finding.help.push_back(fmt::format(
      "record the candidate on the reference's tokens: `plumbline run MODEL --tokens {} ...`", reference_file));
  return finding;
}

std::optional<Finding> fork_finding(const Alignment& alignment, const std::string& reference_file) {
  if (!alignment.difference || alignment.in_prompt) return std::nullopt;
  Finding finding;
  finding.code = code::kTokensFork;
  finding.level = Level::note;
  finding.title = fmt::format(
      "the generated tokens part at position {} ({} in the reference, {} in the candidate); only the {} positions "
      "before "
      "it were compared",
      *alignment.difference, token_text(alignment.reference_token), token_text(alignment.candidate_token),
      alignment.positions);
  finding.help.push_back(fmt::format(
      "to compare all positions, feed the candidate the reference's tokens: `plumbline run MODEL --tokens {} ...`",
      reference_file));
  return finding;
}

}  // namespace plumbline
