// SPDX-License-Identifier: Apache-2.0
#include "core/next_token_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace plumbline {
namespace {

std::string choice_line(const char* side, const Choice& choice, const TokenText& text) {
  return fmt::format("  {}  {} at {:.6g}, then {} at {:.6g}: margin {:.3g}\n", side, text(choice.best),
                     choice.best_logit, text(choice.second), choice.second_logit, choice.margin());
}

/// NaN counts as larger than any number.
bool diverges_more(const NextToken* a, const NextToken* b) {
  if (std::isnan(a->kl) || std::isnan(b->kl)) return std::isnan(a->kl) && !std::isnan(b->kl);
  return a->kl > b->kl;
}

std::string table_row(const NextToken& next, const TokenText& text) {
  const std::string likeliest = next.differs()
                                    ? fmt::format("{} | {}", text(next.reference.best), text(next.candidate.best))
                                    : text(next.reference.best);
  return fmt::format("  {:>8}  {:>10.3g}  {:>10.3g}  {:>11.3g}  {}\n", next.position, next.kl, next.reference.margin(),
                     next.candidate.margin(), likeliest);
}

}  // namespace

std::string choice_text(const NextToken& next, const TokenText& text) {
  return fmt::format("  chosen by the logits of position {}:\n", next.position) +
         choice_line("reference", next.reference, text) + choice_line("candidate", next.candidate, text) +
         fmt::format("  KL(reference || candidate) {:.3g} nats\n", next.kl);
}

std::string differences_text(const std::vector<NextToken>& all) {
  const NextToken* widest = nullptr;
  int64_t count = 0;
  for (const NextToken& next : all) {
    if (!next.differs()) continue;
    ++count;
    if (widest == nullptr || next.reference.margin() > widest->reference.margin()) widest = &next;
  }
  if (widest == nullptr) return "";
  return fmt::format(
      "another choice at {} of {} positions; the reference's margin there is at most {:.3g} (position {})\n", count,
      all.size(), widest->reference.margin(), widest->position);
}

std::string divergence_table(const std::vector<NextToken>& all, const TokenText& text, int rows) {
  std::vector<const NextToken*> order;
  double sum = 0.0;
  int64_t same = 0;
  for (const NextToken& next : all) {
    order.push_back(&next);
    sum += next.kl;
    same += next.differs() ? 0 : 1;
  }
  std::stable_sort(order.begin(), order.end(), diverges_more);
  const auto count = static_cast<int64_t>(order.size());
  std::string out = fmt::format("KL(reference || candidate) over {} positions: mean {:.3g}, largest {:.3g} nats\n",
                                count, sum / static_cast<double>(count), order.front()->kl);
  out += fmt::format("the likeliest token is the same at {} of {}\n\n", same, count);
  out += "  position          KL  margin ref  margin cand  likeliest next\n";
  const auto shown = std::min(order.size(), static_cast<size_t>(std::max(rows, 0)));
  for (size_t i = 0; i < shown; ++i) out += table_row(*order[i], text);
  return shown < order.size() ? out + fmt::format("  [{} more]\n", order.size() - shown) : out;
}

}  // namespace plumbline
