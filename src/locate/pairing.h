// SPDX-License-Identifier: Apache-2.0
// Which taps of two traces are the same quantity: by path, never by order or by resemblance. What has no partner is
// listed, what cannot meet is said so; neither is silently left out.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/trace.h>

#include "locate/positions.h"

namespace plumbline {

struct IncomparableTap {
  std::string path;
  int64_t reference_step = 0, candidate_step = 0;
  Shape reference_shape, candidate_shape;
  std::vector<std::string> reference_axes, candidate_axes;
  std::optional<std::vector<size_t>> permutation;  ///< of the candidate's axes
  std::string reason;
};

/// A tap that both sides recorded in some of the common steps.
struct PartialTap {
  std::string path;
  size_t steps = 0;  ///< in how many pairs of steps both hold it
};

/// In which pairs of steps both sides must hold a tap for it to be usable. To replay an op takes its inputs in every
/// step; to compare values any step is worth something.
enum class StepsNeeded : uint8_t { every, any };

struct Pairing {
  std::map<std::string, std::vector<std::string>> usable;  ///< path -> axes; on both sides in the steps needed
  std::vector<UnmatchedTap> unmatched;
  std::vector<PartialTap> partial;  ///< among the usable or the unmatched, whichever the steps needed make them
  std::vector<IncomparableTap> incomparable;

  bool has(const std::string& path) const { return usable.contains(path); }
};

Pairing pair_taps(const Trace& reference, const Trace& candidate, const OpGraph& graph, const Alignment& alignment,
                  StepsNeeded needed = StepsNeeded::every);

/// Axis names of a tap: as recorded, else as the graph declares them, else "axis0", "axis1", ...
std::vector<std::string> axes_of(const TapEntry& tap, const OpGraph& graph);

}  // namespace plumbline
