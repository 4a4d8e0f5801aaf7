// SPDX-License-Identifier: Apache-2.0
// The forward passes of a run: those that are given, then greedy ones.
// Invariant: the choice of a token depends on the logits' values alone, so equal logits give equal text in every
// backend.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <plumbline/backend.h>

namespace plumbline::run {

struct DecodePlan {
  std::vector<std::vector<int64_t>> given;  ///< tokens of each given step
  int64_t new_tokens = 0;                   ///< to be chosen; all but the last are fed back
  std::vector<int64_t> stop;                ///< ids that end the choosing
};

struct Decoded {
  std::vector<Step> steps;           ///< as fed
  std::vector<int64_t> generated;    ///< the stop token included
  std::vector<std::string> digests;  ///< of each step's logits
  bool stopped = false;              ///< ended at a stop token
  int64_t first_nan_step = -1;       ///< the first step whose last row of logits holds NaN; -1: none
};

Decoded decode(Backend& backend, const DecodePlan& plan, TapSink& sink);

/// Feeds `run`'s steps to another backend of the same kind without any tap. Throws BackendError naming the first step
/// whose logits differ in a bit.
void verify_without_taps(Backend& fresh, const Decoded& run);

/// Index of the largest element of the last row; the lowest of equal ones; NaN never wins (0 if all are).
int64_t greedy_choice(const TensorView& logits);

}  // namespace plumbline::run
