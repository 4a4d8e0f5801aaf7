// SPDX-License-Identifier: Apache-2.0
// The forward passes of a run: those that are given, then those of the tokens that are chosen, greedily if nobody says
// otherwise. Invariant: the choice of a token depends on the logits' values alone, so equal logits give equal text in
// every backend.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <plumbline/backend.h>

namespace plumbline::run {

/// Index of the largest element of the last row; the lowest of equal ones; NaN never wins (0 if all are).
int64_t greedy_choice(const TensorView& logits);

/// The last row of logits [1,S,vocab], in f64, exactly.
std::vector<double> last_row(const TensorView& logits);

/// The next token by the logits of a step; `number` of them were chosen before.
using Choose = std::function<int64_t(const TensorView& logits, int64_t number)>;

struct DecodePlan {
  std::vector<std::vector<int64_t>> given;  ///< tokens of each given step
  int64_t new_tokens = 0;                   ///< to be chosen; all but the last are fed back
  std::vector<int64_t> stop;                ///< ids that end the choosing
  Choose choose = [](const TensorView& logits, int64_t) { return greedy_choice(logits); };
  std::function<void(int64_t token)> chosen = [](int64_t) {};  ///< told of every token as it is chosen
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

}  // namespace plumbline::run
