// SPDX-License-Identifier: Apache-2.0
#include "report/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/next_token_text.h"
#include "core/printable.h"
#include "core/repetition.h"
#include "report/json_parts.h"
#include "report/parts.h"

namespace plumbline {
namespace {

using Texts = TextCodecPtr;

std::string text_of(const std::vector<int64_t>& ids, const Texts& tokenizer) {
  if (std::find(ids.begin(), ids.end(), kUnknownToken) != ids.end()) return "(not stated)";
  if (tokenizer) return quoted(tokenizer->decode(ids));
  return ids.empty() ? "(none)" : fmt::format("{}", fmt::join(ids, " "));
}

std::vector<int64_t> from(const std::vector<int64_t>& tokens, int64_t first) {
  const auto at = std::min(static_cast<size_t>(std::max<int64_t>(first, 0)), tokens.size());
  return {tokens.begin() + static_cast<std::ptrdiff_t>(at), tokens.end()};
}

TokenText naming(const Texts& tokenizer) {
  return [&tokenizer](int64_t id) { return token_text(id, tokenizer); };
}

bool states_tokens(const std::vector<int64_t>& tokens) {
  return std::any_of(tokens.begin(), tokens.end(), [](int64_t token) { return token != kUnknownToken; });
}

/// Of runs whose tokens differ nowhere, which may be because nobody says what they are.
std::string agreement_text(const TokenReport& report) {
  const int64_t common = report.alignment.positions;
  const bool left = states_tokens(report.reference), right = states_tokens(report.candidate);
  if (report.stated == common && common > 0)
    return fmt::format("all {} common positions hold the same tokens\n", common);
  if (report.stated > 0)
    return fmt::format("{} of {} common positions hold the same tokens, the others are not stated on both sides\n",
                       report.stated, common);
  if (left && right) return "no position is in both runs: there is nothing to compare\n";
  return fmt::format(
      "{} which tokens were fed: nobody can tell whether they agree\n  record them as tap `tokens` (i64)\n",
      left    ? "the candidate does not say"
      : right ? "the reference does not say"
              : "neither run says");
}

std::string fork_text(const TokenReport& report, const Texts& tokenizer) {
  const Alignment& alignment = report.alignment;
  if (!alignment.difference) return agreement_text(report);
  std::string out =
      fmt::format("{} at position {}: {} in the reference, {} in the candidate\n",
                  alignment.in_prompt ? "the prompts differ" : "first differing token", *alignment.difference,
                  token_text(alignment.reference_token, tokenizer), token_text(alignment.candidate_token, tokenizer));
  if (alignment.in_prompt) return out;
  const NextToken* fork = report.fork();
  if (fork == nullptr) return out + "  the logits that chose it were not recorded on both sides\n";
  return out + choice_text(*fork, naming(tokenizer));
}

std::string divergence_text(const TokenReport& report, const Texts& tokenizer, int rows) {
  if (report.alignment.positions == 0) return "";
  if (report.next.empty()) return "logits were not recorded on both sides: no divergence of distributions to show\n";
  return divergence_table(report.next, naming(tokenizer), rows);
}

/// Where the sides would have gone on differently, whatever was fed; told already if that is where the tokens part.
std::string other_choices_text(const TokenReport& report, const Texts& tokenizer) {
  const NextToken* first = report.first_other_choice();
  if (first == nullptr || first == report.fork()) return differences_text(report.next);
  return differences_text(report.next) +
         fmt::format("first other choice: {} in the reference, {} in the candidate\n",
                     token_text(first->reference.best, tokenizer), token_text(first->candidate.best, tokenizer)) +
         choice_text(*first, naming(tokenizer));
}

bool all_stated(const std::vector<int64_t>& tokens) {
  return std::find(tokens.begin(), tokens.end(), kUnknownToken) == tokens.end();
}

/// Of what was said after the prompt; nothing where it is not stated.
std::string repetitions_text(const TokenReport& report, const Texts& tokenizer) {
  std::string out;
  for (const auto& [side, all] :
       {std::pair("reference", &report.reference), std::pair("candidate", &report.candidate)}) {
    const std::vector<int64_t> tokens = from(*all, report.prompt);
    if (tokens.empty() || !all_stated(tokens)) continue;
    const Repetition repetition = repetition_of(tokens);
    std::string cycle;
    for (const int64_t id : cycle_of(tokens, repetition))
      cycle += (cycle.empty() ? "" : ", ") + token_text(id, tokenizer);
    out += fmt::format("repetition, {}: {}\n", side, repetition_text(repetition, cycle));
  }
  return out;
}

nlohmann::json repetition_json(const TokenReport& report, const std::vector<int64_t>& all) {
  const std::vector<int64_t> tokens = from(all, report.prompt);
  if (tokens.empty() || !all_stated(tokens)) return nullptr;
  const Repetition repetition = repetition_of(tokens);
  return {{"gram", Repetition::kGram},          {"grams", repetition.grams},   {"seen_before", repetition.seen_before},
          {"share", repetition.share()},        {"period", repetition.period}, {"tail", repetition.tail},
          {"one_token", repetition.one_token()}};
}

std::string moot_text(const Finding& finding) {
  return "nothing was compared\n" + render_diagnostic({}, finding, {}) +
         "   = help: --ignore-digests compares the tokens all the same\n";
}

nlohmann::json choice_json(const Choice& choice) {
  return {{"best", choice.best},
          {"second", choice.second},
          {"best_logit", choice.best_logit},
          {"second_logit", choice.second_logit}};
}

}  // namespace

std::string token_text(int64_t id, const TextCodecPtr& tokenizer) {
  if (id == kUnknownToken) return "unknown";
  return tokenizer ? fmt::format("{} {}", id, quoted(tokenizer->decode({id}))) : std::to_string(id);
}

std::string tokens_text(const TokenReport& report, const Texts& tokenizer, int rows) {
  const auto head = [&](const char* side, const std::vector<int64_t>& tokens) {
    return fmt::format("{}  {} positions, continued {}\n", side, tokens.size(),
                       text_of(from(tokens, report.prompt), tokenizer));
  };
  std::vector<int64_t> prompt = report.reference;
  prompt.resize(std::min(prompt.size(), static_cast<size_t>(report.prompt)));
  return fmt::format("prompt     {} tokens {}\n", prompt.size(), text_of(prompt, tokenizer)) +
         head("reference", report.reference) + head("candidate", report.candidate) +
         (report.moot ? moot_text(*report.moot)
                      : fork_text(report, tokenizer) + divergence_text(report, tokenizer, rows) +
                            other_choices_text(report, tokenizer) + repetitions_text(report, tokenizer));
}

std::string tokens_json(const TokenReport& report, const Texts& tokenizer) {
  nlohmann::json out = {{"reference", report.reference},     {"candidate", report.candidate},
                        {"prompt_tokens", report.prompt},    {"common_positions", report.alignment.positions},
                        {"first_difference", nullptr},       {"positions", nlohmann::json::array()},
                        {"stated_positions", report.stated}, {"finding", nullptr}};
  if (report.moot) out["finding"] = nlohmann::json::parse(json_text(finding_json(*report.moot), -1));
  if (report.alignment.difference) out["first_difference"] = *report.alignment.difference;
  const NextToken* other = report.first_other_choice();
  out["first_other_choice"] = other == nullptr ? nlohmann::json() : nlohmann::json(other->position);
  out["reference_repetition"] = repetition_json(report, report.reference);
  out["candidate_repetition"] = repetition_json(report, report.candidate);
  if (tokenizer && all_stated(report.reference)) out["reference_text"] = tokenizer->decode(report.reference);
  if (tokenizer && all_stated(report.candidate)) out["candidate_text"] = tokenizer->decode(report.candidate);
  for (const NextToken& next : report.next)
    out["positions"].push_back({{"position", next.position},
                                {"reference", choice_json(next.reference)},
                                {"candidate", choice_json(next.candidate)},
                                {"kl", next.kl}});  // not a number becomes null
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace plumbline
