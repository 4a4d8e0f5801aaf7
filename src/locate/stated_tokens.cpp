// SPDX-License-Identifier: Apache-2.0
#include "locate/stated_tokens.h"

#include <fmt/format.h>

#include <algorithm>

namespace plumbline {
namespace {

bool states(const std::vector<Step>& steps, int64_t index, int64_t row) {
  const auto step = std::ranges::find(steps, index, &Step::index);
  return step != steps.end() && row < static_cast<int64_t>(step->tokens.size()) &&
         step->tokens[static_cast<size_t>(row)] != kUnknownToken;
}

}  // namespace

std::string token_note(const Alignment& alignment, const std::vector<Step>& reference,
                       const std::vector<Step>& candidate) {
  int64_t left = 0, right = 0, both = 0;
  for (const StepPair& pair : alignment.pairs) {
    for (size_t i = 0; i < pair.positions.size(); ++i) {
      const bool a = states(reference, pair.reference_step, pair.reference_rows[i]);
      const bool b = states(candidate, pair.candidate_step, pair.candidate_rows[i]);
      left += a ? 1 : 0;
      right += b ? 1 : 0;
      both += a && b ? 1 : 0;
    }
  }
  if (alignment.positions == 0) return "";
  if (both == alignment.positions) return fmt::format("both sides state the same token ids at {} positions", both);
  const char* silent = left == alignment.positions    ? "the candidate does"
                       : right == alignment.positions ? "the reference does"
                                                      : "neither side does";
  return fmt::format("token ids were not checked at {} of {} positions: {} not state them; paired by place alone",
                     alignment.positions - both, alignment.positions, silent);
}

}  // namespace plumbline
