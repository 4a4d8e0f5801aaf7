// SPDX-License-Identifier: Apache-2.0
// Suppositions of every family that applies, tried one after the other; what the replay proves is named.
#include "diagnose/diagnose.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>

#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

struct Tried {
  const Mistake* mistake = nullptr;
  Score score;
  Gain gain;
};

void suspect_member(const Bench& bench, size_t m, Suspects& out) {
  suspect_missing(bench, m, out);
  switch (bench.chain()[m]->kind) {
    case OpKind::rmsnorm: suspect_norm(bench, m, out); break;
    case OpKind::linear: suspect_linear(bench, m, out); break;
    case OpKind::rope_table: suspect_rope_table(bench, m, out); break;
    case OpKind::rope: suspect_rope(bench, m, out); break;
    case OpKind::attn_scores:
    case OpKind::attn_context:
    case OpKind::causal_mask:
    case OpKind::softmax: suspect_attention(bench, m, out); break;
    case OpKind::kv_append: suspect_cache(bench, m, out); break;
    case OpKind::embedding: suspect_embedding(bench, m, out); break;
    case OpKind::add:
    case OpKind::multiply:
    case OpKind::scale:
    case OpKind::gelu_tanh:
    case OpKind::softcap:
    case OpKind::silu: suspect_elementwise(bench, m, out); break;
    default: break;
  }
  suspect_wiring(bench, m, out);
  suspect_scale(bench, m, out);
  suspect_order(bench, m, out);
  suspect_storage(bench, m, out);
}

std::string statistic_of(const Bench& bench, const Tried& tried) {
  const std::string member = tried.mistake->member + 1 == bench.chain().size()
                                 ? ""
                                 : fmt::format(" (in {})", bench.chain()[tried.mistake->member]->name);
  return fmt::format(
      "replayed so{}, {:.3g} of the error's rounding floor is left ({:.3g} before); {} of {} bits unequal ({} before)",
      member, tried.score.left(), bench.declared().left(), tried.score.mismatches(), tried.score.count(),
      bench.declared().mismatches());
}

Cause cause_of(const Bench& bench, const Tried& tried, CauseStatus status) {
  Cause cause;
  cause.status = status;
  cause.code = tried.mistake->code;
  cause.op = bench.chain()[tried.mistake->member]->name;
  cause.text = tried.mistake->text;
  cause.statistic = statistic_of(bench, tried);
  cause.left = tried.score.left();
  cause.improvement = std::max(tried.gain.squares, tried.gain.mismatches);
  return cause;
}

/// The better explanation leaves fewer unequal bits; of two that leave as many, the one supposed first.
bool explains_more(const Tried& a, const Tried& b) { return a.score.mismatches() < b.score.mismatches(); }

/// Proven suppositions as good as the best, all but one of which are only possible: the data cannot tell them apart.
std::vector<Cause> proven_causes(const Bench& bench, std::vector<Tried>& proven) {
  constexpr size_t kMost = 4;
  std::stable_sort(proven.begin(), proven.end(), explains_more);
  std::vector<Cause> causes;
  for (const Tried& tried : proven) {
    const bool as_good = tried.score.mismatches() <= 2 * proven.front().score.mismatches() + 2;
    const bool told = std::any_of(causes.begin(), causes.end(),
                                  [&](const Cause& cause) { return cause.code == tried.mistake->code; });
    if (!as_good || told || causes.size() == kMost) continue;
    causes.push_back(cause_of(bench, tried, causes.empty() ? CauseStatus::likely : CauseStatus::possible));
  }
  return causes;
}

/// Of each family that explains nothing, the supposition that came nearest.
std::vector<Cause> ruled_out(const Bench& bench, const std::vector<Tried>& tried, const std::vector<Cause>& named) {
  std::map<std::string, const Tried*> nearest;
  for (const Tried& one : tried) {
    if (!one.score.usable()) continue;
    const Tried*& best = nearest[one.mistake->code];
    if (best == nullptr || one.score.left() < best->score.left()) best = &one;
  }
  std::vector<Cause> causes;
  for (const auto& [family, best] : nearest) {
    const bool told = std::any_of(named.begin(), named.end(), [&](const Cause& cause) { return cause.code == family; });
    if (!told) causes.push_back(cause_of(bench, *best, CauseStatus::ruled_out));
  }
  return causes;
}

}  // namespace

std::vector<Cause> diagnose(const FailedOp& failed) {
  const Bench bench(failed);
  if (!bench.declared().usable() || bench.steps().empty() || bench.steps().front().results.empty()) return {};
  Suspects suspects;
  for (size_t m = bench.chain().size(); m-- > 0;) {
    try {
      suspect_member(bench, m, suspects);
    } catch (const Error&) {
      continue;  // data of another form than this kind of op has: no fit, and no cause out of it
    } catch (const std::out_of_range&) {
      continue;  // nor of other axes
    }
  }
  std::vector<Tried> tried, proven;
  for (const Mistake& mistake : suspects) {
    Tried one{&mistake, bench.score(mistake), {}};
    one.gain = gain_of(bench.declared(), one.score);
    if (one.gain.proven) proven.push_back(one);
    tried.push_back(std::move(one));
  }
  std::vector<Cause> causes = proven_causes(bench, proven);
  for (Cause& cause : ruled_out(bench, tried, causes)) causes.push_back(std::move(cause));
  return causes;
}

}  // namespace plumbline
