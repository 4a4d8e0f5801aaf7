// SPDX-License-Identifier: Apache-2.0
// Two layouts each; the JSON is that of dumps/schema/plumbline-generate.schema.json.
#include "run/generate_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "core/repetition.h"

namespace plumbline::run {
namespace {

using Json = nlohmann::ordered_json;

/// Without the stop token, which is no part of the text.
std::vector<int64_t> text_tokens(const Generated& run) {
  std::vector<int64_t> tokens = run.added;
  if (run.stopped) tokens.pop_back();
  return tokens;
}

/// Tokens a second after the first, whose time is the prompt's.
std::optional<double> speed(const Generated& run) {
  if (run.added.size() < 2 || run.token_seconds <= 0.0) return std::nullopt;
  return static_cast<double>(run.added.size() - 1) / run.token_seconds;
}

std::string count_text(size_t tokens) { return fmt::format("{} token{}", tokens, tokens == 1 ? "" : "s"); }

std::string ids_or_text(const std::vector<int64_t>& ids, const std::optional<std::string>& text) {
  return text ? quoted(*text) : fmt::format("[{}]", fmt::join(ids, ", "));
}

Json repetition_json(const std::vector<int64_t>& tokens) {
  const Repetition repetition = repetition_of(tokens);
  const auto cycle = cycle_of(tokens, repetition);
  return {{"gram", Repetition::kGram},
          {"grams", repetition.grams},
          {"seen_before", repetition.seen_before},
          {"share", repetition.share()},
          {"period", repetition.period},
          {"tail", repetition.tail},
          {"one_token", repetition.one_token()},
          {"cycle", std::vector<int64_t>(cycle.begin(), cycle.end())}};
}

Json sampling_json(const Sampling& sampling) {
  if (sampling.temperature == 0.0) return {{"greedy", true}};
  return {{"greedy", false},         {"sampler", "sampler/1"},  {"temperature", sampling.temperature},
          {"top_k", sampling.top_k}, {"top_p", sampling.top_p}, {"seed", sampling.seed}};
}

Json common_json(const GenerateOptions& options, const Generated& run) {
  Json out = {{"schema", {{"name", "plumbline-generate"}, {"version", "1.0"}}},
              {"model", options.run.model.string()},
              {"backend", options.run.backend},
              {"sampling", sampling_json(options.sampling)},
              {"prompt_ids", run.given},
              {"continuation_ids", run.added},
              {"faults", run.faults},
              {"notes", run.notes}};
  if (run.given_text) out["prompt"] = *run.given_text;
  if (run.added_text) out["continuation"] = *run.added_text;
  return out;
}

Json choice_json(const Choice& choice) {
  return {{"best", choice.best},
          {"second", choice.second},
          {"best_logit", choice.best_logit},
          {"second_logit", choice.second_logit}};
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string planted_text(const Generated& run) {
  std::string out;
  for (const std::string& note : run.notes) out += "cast       " + note + "\n";
  for (const std::string& fault : run.faults) out += "fault      " + printable_text(fault) + "\n";
  return out;
}

std::string outcome_text(const ForcedComparison& comparison, const TokenText& text) {
  const auto count = comparison.next.size();
  std::string out;
  if (comparison.reference_broken > 0)
    out += fmt::format("the reference's logits hold NaN or +Inf at {} positions: nothing can be said of them\n",
                       comparison.reference_broken);
  if (comparison.candidate_broken > 0)
    out += fmt::format("the candidate's logits hold NaN or +Inf at {} positions\n", comparison.candidate_broken);
  const NextToken* first = comparison.first_difference();
  if (first == nullptr) return out + fmt::format("the choice is the same at all {} positions\n", count);
  const int64_t at = first - comparison.next.data();
  return out +
         fmt::format("the choice differs first at position {}, after {}: {} in the reference, {} in the candidate\n",
                     first->position, text(comparison.fed[static_cast<size_t>(at)]), text(first->reference.best),
                     text(first->candidate.best)) +
         choice_text(*first, text);
}

}  // namespace

std::string generated_text(const Generated& run, const TokenText& text) {
  std::string out = planted_text(run);
  out += fmt::format("{} after {} in {:.2f} s", count_text(run.added.size()), run.given.size(),
                     run.prompt_seconds + run.token_seconds);
  if (const auto rate = speed(run)) out += fmt::format(", {:.1f} tokens/s", *rate);
  out += run.stopped ? fmt::format("; ended by {}\n", text(run.added.back())) : "; ended as asked, by --new\n";
  const std::vector<int64_t> tokens = text_tokens(run);
  const Repetition repetition = repetition_of(tokens);
  std::string cycle;
  for (const int64_t token : cycle_of(tokens, repetition)) cycle += (cycle.empty() ? "" : ", ") + text(token);
  return out + "repetition: " + repetition_text(repetition, cycle) + "\n";
}

std::string generated_json(const GenerateOptions& options, const Generated& run) {
  Json out = common_json(options, run);
  out["ended"] = run.stopped ? "stop token" : "number of tokens";
  out["seconds"] = {{"prompt", run.prompt_seconds}, {"tokens", run.token_seconds}};
  const auto rate = speed(run);
  out["tokens_per_second"] = rate ? Json(*rate) : Json();
  out["repetition"] = repetition_json(text_tokens(run));
  return dumped(out);
}

std::string comparison_text(const GenerateOptions& options, const Generated& run, const ForcedComparison& comparison,
                            const TokenText& text) {
  std::string out =
      fmt::format("prompt     {}  {}\n", count_text(run.given.size()), ids_or_text(run.given, run.given_text));
  if (!run.added.empty())
    out += fmt::format("added      {}, by the reference  {}\n", count_text(run.added.size()),
                       ids_or_text(text_tokens(run), run.added_text));
  out += fmt::format("reference  backend {}\ncandidate  backend {}\n", options.run.backend, options.against);
  return out + planted_text(run) + outcome_text(comparison, text) + differences_text(comparison.next) +
         divergence_table(comparison.next, text, options.rows);
}

std::string comparison_json(const GenerateOptions& options, const Generated& run, const ForcedComparison& comparison) {
  Json out = common_json(options, run);
  const NextToken* first = comparison.first_difference();
  out["against"] = options.against;
  out["exit_status"] = comparison.status();
  out["first_difference"] = first == nullptr ? Json() : Json(first->position);
  out["reference_broken"] = comparison.reference_broken;
  out["candidate_broken"] = comparison.candidate_broken;
  out["positions"] = Json::array();
  for (size_t i = 0; i < comparison.next.size(); ++i) {
    const NextToken& next = comparison.next[i];
    out["positions"].push_back({{"position", next.position},
                                {"token", comparison.fed[i]},
                                {"reference", choice_json(next.reference)},
                                {"candidate", choice_json(next.candidate)},
                                {"kl", next.kl}});  // not a number becomes null
  }
  return dumped(out);
}

}  // namespace plumbline::run
