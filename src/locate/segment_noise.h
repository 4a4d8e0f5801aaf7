// SPDX-License-Identifier: Apache-2.0
// What honest rounding makes of the end of a segment: the segment replayed many times, every number whose rounding its
// contracts leave open drawn anew (oracle/noisy.h). It takes the place of a composed bound that has grown too wide to
// tell a defect from noise. Invariant: limits depend on the recorded inputs, the seed and the segment, not on threads.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace plumbline {

class Replay;

/// Of one recorded result, all steps together. "Unlike": a bit pattern other than the undisturbed replay's.
struct NoiseLimit {
  int runs = 0;
  double unlike_mean = 0.0, unlike_most = 0.0;  ///< elements, over the runs
  double unlike_allowed = 0.0;                  ///< no right implementation has more, but for one in a million
  double squares_allowed = 0.0;                 ///< the same of the sum of squared differences from the replay
};
using NoiseLimits = std::map<std::string, NoiseLimit, std::less<>>;  // by tap path

/// The ops named in `ends` are replayed with noise through the unrecorded ops `members`. A result of an end that cannot
/// be replayed has no limit.
NoiseLimits segment_noise(const Replay& replay, const std::set<std::string>& ends, const std::set<std::string>& members,
                          uint64_t seed);

/// Upper end of the range in which one more value of the same kind lies, with confidence 1 - 1e-6: the logarithms of
/// value + floor are taken for normal (Student's t for `runs` of kNoiseRuns values).
double prediction_limit(const std::vector<double>& runs, double floor);

inline constexpr int kNoiseRuns = 16;

}  // namespace plumbline
