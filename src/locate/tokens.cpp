// SPDX-License-Identifier: Apache-2.0
// Tokens and next-token distributions of two traces.
#include "locate/tokens.h"

#include <plumbline/error.h>

#include <algorithm>

#include "locate/provenance.h"

namespace plumbline {
namespace {

constexpr std::string_view kLogits = "logits";

OpGraph graph_in(const Trace& trace) {
  return trace.header().graph_json.empty() ? OpGraph{} : op_graph_from_json(trace.header().graph_json);
}

std::vector<int64_t> tokens_of(const std::vector<Step>& steps) {
  std::vector<int64_t> tokens;
  for (const Step& step : steps) {
    for (size_t row = 0; row < step.tokens.size(); ++row) {
      const auto position = static_cast<size_t>(step.first_position) + row;
      if (position >= tokens.size()) tokens.resize(position + 1, kUnknownToken);
      if (tokens[position] == kUnknownToken) tokens[position] = step.tokens[row];
    }
  }
  return tokens;
}

/// Rows of [1, tokens, vocab] or [tokens, vocab]; empty if the step's logits were not recorded.
class Logits {
 public:
  Logits(const Trace& trace, int64_t step) {
    const TapEntry* entry = trace.find(kLogits, step);
    if (entry == nullptr || entry->shape.empty() || !is_floating(entry->dtype)) return;
    width_ = entry->shape.back();
    if (width_ > 0) values_ = to_values(trace.read(*entry).view());
  }
  int64_t width() const { return width_; }
  bool has(int64_t row) const { return width_ > 0 && (row + 1) * width_ <= static_cast<int64_t>(values_.size()); }
  std::vector<double> row(int64_t row) const {
    const auto first = values_.begin() + row * width_;
    return {first, first + width_};
  }

 private:
  int64_t width_ = 0;
  std::vector<double> values_;
};

void check_vocabularies(const Trace& reference, const Trace& candidate, int64_t expected, int64_t actual) {
  if (expected == actual) return;
  throw TraceError("the logits of the two runs have different vocabularies",
                   {reference.file().string() + "  " + std::to_string(expected) + " tokens",
                    candidate.file().string() + "  " + std::to_string(actual) + " tokens"},
                   "compare runs of one model");
}

int64_t stated_positions(const TokenReport& report) {
  int64_t stated = 0;
  for (const StepPair& pair : report.alignment.pairs)
    stated += std::count_if(pair.positions.begin(), pair.positions.end(), [&](int64_t position) {
      const auto at = static_cast<size_t>(position);
      return report.reference[at] != kUnknownToken && report.candidate[at] != kUnknownToken;
    });
  return stated;
}

}  // namespace

const NextToken* TokenReport::fork() const {
  if (!alignment.difference) return nullptr;
  const auto found = std::find_if(next.begin(), next.end(),
                                  [&](const NextToken& n) { return n.position + 1 == *alignment.difference; });
  return found == next.end() ? nullptr : &*found;
}

const NextToken* TokenReport::first_other_choice() const {
  const auto found = std::find_if(next.begin(), next.end(), [](const NextToken& n) { return n.differs(); });
  return found == next.end() ? nullptr : &*found;
}

TokenReport compare_tokens(const Trace& reference, const Trace& candidate, bool ignore_digests) {
  const std::vector<Step> expected = steps_of(reference, graph_in(reference));
  const std::vector<Step> actual = steps_of(candidate, graph_in(candidate));
  TokenReport report;
  report.reference = tokens_of(expected);
  report.candidate = tokens_of(actual);
  if (!expected.empty() && !actual.empty())
    report.prompt = static_cast<int64_t>(std::min(expected.front().tokens.size(), actual.front().tokens.size()));
  std::vector<std::string> notes;  // which files state no checkpoint: no matter here
  if (!ignore_digests) report.moot = checkpoint_finding(reference, candidate, nullptr, notes);
  if (report.moot) return report;
  report.alignment = align_steps(expected, actual);
  report.stated = stated_positions(report);
  for (const StepPair& pair : report.alignment.pairs) {
    const Logits left(reference, pair.reference_step), right(candidate, pair.candidate_step);
    for (size_t i = 0; i < pair.positions.size(); ++i) {
      if (!left.has(pair.reference_rows[i]) || !right.has(pair.candidate_rows[i])) continue;
      check_vocabularies(reference, candidate, left.width(), right.width());
      const std::vector<double> p = left.row(pair.reference_rows[i]), q = right.row(pair.candidate_rows[i]);
      report.next.push_back({pair.positions[i], choice_of(p), choice_of(q), kl_divergence(p, q)});
    }
  }
  return report;
}

}  // namespace plumbline
