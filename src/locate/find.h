// SPDX-License-Identifier: Apache-2.0
// Two traces in, the first divergence out: pairing, replay, split, roles (DESIGN 3).
// Invariant: a pure function of the two files, the checkpoint and the seed; the number of threads changes nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/model.h>
#include <plumbline/trace.h>

namespace plumbline {

/// Which taps a report is about. A glob names tap paths; one that names an op stands for all its taps.
struct TapFilter {
  std::vector<std::string> select, exclude;  ///< nothing in `select`: all; `exclude` takes away from that
  bool empty() const { return select.empty() && exclude.empty(); }
};

struct FailedOp;
/// Causes of one op's failure, the best first (src/diagnose); called from several threads.
using CauseFinder = std::function<std::vector<Cause>(const FailedOp&)>;

struct FindOptions {
  int threads = 0;         ///< 0: all processors
  int draws = 8;           ///< random half-ulp perturbations per op for the benign gain; 0: none
  uint64_t seed = 1;       ///< of those
  bool exactness = false;  ///< also measure both sides against exact arithmetic (OpRow::exact_own and the like)
  /// Judge by the numbers alone: neither files as read nor parameters as used are compared by digest, and the headline
  /// says so. `model` must then be the reference's checkpoint.
  bool ignore_digests = false;
  /// Also predict gains from weights, and draw noise for every op, not only where a difference came in
  /// (FindReport::amplification).
  bool amplification = false;
  TapFilter taps = {};  ///< everything is judged all the same; FindReport::scope says what was left out
  CauseFinder causes =
      {};  ///< asked at the frontier, for ops that follow no other contract; empty: no causes are sought
};

/// Judges every op of the reference's graph by replay on the inputs that each trace recorded; `model` supplies the
/// checkpoint's true parameters. Unlike checkpoints, prompts or nothing in common give an inconclusive report.
/// Throws InputError if the reference's graph cannot be read, TraceError if a trace cannot be, UsageError if
/// options.taps leaves no recorded tap.
FindReport find_divergence(const Trace& reference, const Trace& candidate, const Model& model,
                           const FindOptions& options = {});

/// Without a checkpoint: subtracts the values of every tap both sides recorded. Any unequal value is a divergence,
/// because nothing tells noise from error here.
FindReport compare_values(const Trace& reference, const Trace& candidate, const FindOptions& options = {});

}  // namespace plumbline
