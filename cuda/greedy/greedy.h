// SPDX-License-Identifier: Apache-2.0
// The next token where it is needed, on the device: the largest logit. Invariant: the choice that the host would make
// from the same logits (src/run/decode.h). Left to others: sampling; the logits (linear). Contract: greedy_kernel.cuh.
#pragma once
#include "cuda/common/bf16.h"
#include "cuda/common/launch.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

inline constexpr int kGreedyBlocks = 64;

/// The best of some logits.
struct Candidate {
  float value;
  int index;
};

struct GreedyArgs {
  const bf16* logits;  ///< [count]
  int count;
  Candidate* candidates;  ///< [kGreedyBlocks], overwritten
  int64_t* token;         ///< gets the choice
  int* position;          ///< is counted up by one
  int64_t* history;       ///< gets the choice at index *position, counted up; or null
};

/// Throws BackendError for a null pointer or a count below 1.
void greedy(const GreedyArgs& args, Stream stream);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
