// SPDX-License-Identifier: Apache-2.0
#include "report/tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "report/json_parts.h"
#include "report/parts.h"

namespace plumbline {
namespace {

using Texts = std::optional<Tokenizer>;

std::string text_of(const std::vector<int64_t>& ids, const Texts& tokenizer) {
  if (std::find(ids.begin(), ids.end(), kUnknownToken) != ids.end()) return "(not stated)";
  if (tokenizer) return quoted(tokenizer->decode(ids));
  return ids.empty() ? "(none)" : fmt::format("{}", fmt::join(ids, " "));
}

std::vector<int64_t> from(const std::vector<int64_t>& tokens, int64_t first) {
  const auto at = std::min(static_cast<size_t>(std::max<int64_t>(first, 0)), tokens.size());
  return {tokens.begin() + static_cast<std::ptrdiff_t>(at), tokens.end()};
}

std::string choice_line(const char* side, const Choice& choice, const Texts& tokenizer) {
  return fmt::format("  {}  {} at {:.6g}, then {} at {:.6g}: margin {:.3g}\n", side, token_text(choice.best, tokenizer),
                     choice.best_logit, token_text(choice.second, tokenizer), choice.second_logit, choice.margin());
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
  return out + fmt::format("  chosen by the logits of position {}:\n", fork->position) +
         choice_line("reference", fork->reference, tokenizer) + choice_line("candidate", fork->candidate, tokenizer) +
         fmt::format("  KL(reference || candidate) {:.3g} nats\n", fork->kl);
}

/// NaN counts as larger than any number.
bool diverges_more(const NextToken* a, const NextToken* b) {
  if (std::isnan(a->kl) || std::isnan(b->kl)) return std::isnan(a->kl) && !std::isnan(b->kl);
  return a->kl > b->kl;
}

std::string divergence_text(const TokenReport& report, const Texts& tokenizer, int rows) {
  if (report.alignment.positions == 0) return "";
  if (report.next.empty()) return "logits were not recorded on both sides: no divergence of distributions to show\n";
  std::vector<const NextToken*> order;
  double sum = 0.0;
  int64_t same = 0;
  for (const NextToken& next : report.next) {
    order.push_back(&next);
    sum += next.kl;
    same += next.reference.best == next.candidate.best ? 1 : 0;
  }
  std::stable_sort(order.begin(), order.end(), diverges_more);
  const auto count = static_cast<int64_t>(order.size());
  std::string out = fmt::format("KL(reference || candidate) over {} positions: mean {:.3g}, largest {:.3g} nats\n",
                                count, sum / static_cast<double>(count), order.front()->kl);
  out += fmt::format("the likeliest token is the same at {} of {}\n\n", same, count);
  out += "  position          KL  margin ref  margin cand  likeliest next\n";
  const auto shown = std::min(order.size(), static_cast<size_t>(std::max(rows, 0)));
  for (size_t i = 0; i < shown; ++i) {
    const NextToken& n = *order[i];
    const std::string likeliest =
        n.reference.best == n.candidate.best
            ? token_text(n.reference.best, tokenizer)
            : fmt::format("{} | {}", token_text(n.reference.best, tokenizer), token_text(n.candidate.best, tokenizer));
    out += fmt::format("  {:>8}  {:>10.3g}  {:>10.3g}  {:>11.3g}  {}\n", n.position, n.kl, n.reference.margin(),
                       n.candidate.margin(), likeliest);
  }
  return shown < order.size() ? out + fmt::format("  [{} more]\n", order.size() - shown) : out;
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

std::string token_text(int64_t id, const std::optional<Tokenizer>& tokenizer) {
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
                      : fork_text(report, tokenizer) + divergence_text(report, tokenizer, rows));
}

std::string tokens_json(const TokenReport& report, const Texts& tokenizer) {
  nlohmann::json out = {{"reference", report.reference},     {"candidate", report.candidate},
                        {"prompt_tokens", report.prompt},    {"common_positions", report.alignment.positions},
                        {"first_difference", nullptr},       {"positions", nlohmann::json::array()},
                        {"stated_positions", report.stated}, {"finding", nullptr}};
  if (report.moot) out["finding"] = nlohmann::json::parse(json_text(finding_json(*report.moot), -1));
  if (report.alignment.difference) out["first_difference"] = *report.alignment.difference;
  if (tokenizer) {
    out["reference_text"] = tokenizer->decode(report.reference);
    out["candidate_text"] = tokenizer->decode(report.candidate);
  }
  for (const NextToken& next : report.next)
    out["positions"].push_back({{"position", next.position},
                                {"reference", choice_json(next.reference)},
                                {"candidate", choice_json(next.candidate)},
                                {"kl", next.kl}});  // not a number becomes null
  return out.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace plumbline
