// SPDX-License-Identifier: Apache-2.0
#include "locate/equal_taps.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace plumbline {
namespace {

bool same_bytes(const Trace& reference, const TapEntry& left, const Trace& candidate, const TapEntry& right) {
  if (left.dtype != right.dtype || left.shape != right.shape) return false;
  const Tensor a = reference.read(left), b = candidate.read(right);
  return a.byte_size() == b.byte_size() && (a.byte_size() == 0 || std::memcmp(a.data(), b.data(), a.byte_size()) == 0);
}

}  // namespace

EqualTaps count_equal_taps(const Trace& reference, const Trace& candidate, const Alignment& alignment,
                           const Scope& scope) {
  std::map<int64_t, int64_t> partner;
  for (const StepPair& pair : alignment.pairs) partner[pair.reference_step] = pair.candidate_step;
  EqualTaps counted;
  int64_t shared = 0;
  for (const TapEntry& left : reference.taps()) {
    if (!scope.has_tap(left.path)) continue;
    ++counted.recorded;
    const auto step = partner.find(left.step);
    const TapEntry* right = step == partner.end() ? nullptr : candidate.find(left.path, step->second);
    if (right == nullptr) continue;
    ++shared;
    if (same_bytes(reference, left, candidate, *right)) ++counted.identical;
  }
  const auto others = std::count_if(candidate.taps().begin(), candidate.taps().end(),
                                    [&](const TapEntry& entry) { return scope.has_tap(entry.path); });
  counted.recorded += others - shared;
  return counted;
}

}  // namespace plumbline
