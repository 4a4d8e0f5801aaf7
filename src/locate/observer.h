// SPDX-License-Identifier: Apache-2.0
// Runs of one engine on the same tokens that differ only in what they record: whether recording changes what is
// computed, and which taps do. Invariant: every statement follows from bits that all runs recorded; what the runs
// compute is not judged here.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <plumbline/trace.h>

namespace plumbline {

struct ObservedRun {
  std::string file;
  size_t taps = 0;    ///< different paths
  int64_t bytes = 0;  ///< recorded, all steps
  size_t result = 0;  ///< runs with one number agree in every common bit; the first run has 0
};

/// Paths that every run of one result recorded, and no run of any other: one of them is what decides.
struct Suspects {
  size_t result = 0;
  std::vector<std::string> paths;  ///< in the order of recording
};

struct ObserverReport {
  std::string why_not;              ///< not empty: nothing can be concluded, and why
  std::vector<ObservedRun> runs;    ///< as given
  size_t results = 0;               ///< how many different ones
  std::vector<std::string> common;  ///< paths that every run recorded, of what is computed (not tokens and positions)
  std::string first;                ///< the first common tap that is not the same everywhere
  int64_t first_step = 0;
  std::vector<Suspects> suspects;  ///< for each result that has some
  size_t least = 0;                ///< the run that recorded the fewest bytes: nearest to what happens unobserved

  bool effect() const { return why_not.empty() && results > 1; }
};

/// At least two traces; throws UsageError for fewer. Nothing is concluded where checkpoints or tokens differ, where no
/// tap is common, and where runs that record the same taps differ by themselves.
ObserverReport compare_observed(const std::vector<Trace>& runs);

}  // namespace plumbline
