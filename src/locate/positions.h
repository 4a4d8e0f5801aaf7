// SPDX-License-Identifier: Apache-2.0
// Which steps of two traces hold the same token positions, so that a prefill of n meets a prefill of n-4 followed by
// four decode steps. Invariant: every common position stands in exactly one StepPair, and all lie before the first
// position at which the tokens differ.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/op_graph.h>
#include <plumbline/tap.h>
#include <plumbline/trace.h>

namespace plumbline {

enum class SideId : uint8_t { reference, candidate };

inline constexpr int64_t kUnknownToken = -1;  ///< a foreign trace that does not say what was fed

/// Positions that one step of the reference and one of the candidate share.
struct StepPair {
  int64_t reference_step = 0, candidate_step = 0;
  std::vector<int64_t> positions, reference_rows, candidate_rows;  ///< rows: along the token axis of each side's taps
  int64_t reference_keys = 0, candidate_keys = 0;                  ///< tokens so far on each side
  int64_t keys = 0;                                                ///< keys that both sides have and that mean the same
};

struct Alignment {
  std::vector<StepPair> pairs;  ///< by ascending position
  int64_t positions = 0;
  std::optional<int64_t> difference;                 ///< first position whose tokens differ
  bool in_prompt = false;                            ///< ... and it lies in what both runs were fed at the start
  int64_t reference_token = 0, candidate_token = 0;  ///< there
};

/// The trace's steps; where a foreign file has none, what its taps "tokens" and "positions" say, or else the extents of
/// its "token" axes (tokens unknown then).
std::vector<Step> steps_of(const Trace& trace, const OpGraph& graph);
/// A position that stands in several steps of a trace counts where it stands first.
Alignment align_steps(const std::vector<Step>& reference, const std::vector<Step>& candidate);

}  // namespace plumbline
