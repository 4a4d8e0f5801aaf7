// SPDX-License-Identifier: Apache-2.0
// The compatibility checker of the case study's notes (their kernel_compatibility.py), formula and thresholds as they
// had them, so that its verdict can be compared with what is measured. It is not a measurement of ours.
// Per layer it takes the signed maximum and median of the K-norm and Q-norm weights. Score = 0.4 A + 0.3 B + 0.3 C:
//   A  by the worst K maximum over K median: 1 up to 15, from 0.5 down to 0 between 15 and 20, 0 above 20
//   B  by the share f of extreme layers (K maximum above 10): 1 up to 0.3, 1 - 2 (f - 0.3) up to 0.5, 0 above
//   C  by the largest K maximum: 1 up to 20, falling to 0 at 50, 0 above
// Below 0.5 INCOMPATIBLE, below 0.8 WARNING, else COMPATIBLE. "Amplification" is the product, over the extreme layers,
// of 1 + 0.001 (K maximum + Q maximum) / 2; it does not enter the score. Without layers: 1.00 COMPATIBLE, unlooked.
// Invariant: the same figures from the same norms. Layers whose norms hold NaN or infinity are left out and counted:
// theirs would take whichever layer came first.
#pragma once
#include <string_view>
#include <vector>

namespace plumbline {

struct NotesLayer {
  int layer = 0;
  double k_max = 0.0, k_median = 0.0, q_max = 0.0, q_median = 0.0;

  double k_ratio() const { return k_max / k_median; }
  bool extreme() const;
  bool finite() const;
};

struct NotesScore {
  std::vector<NotesLayer> layers;
  double score = 1.0, a = 1.0, b = 1.0, c = 1.0;
  double worst_ratio = 0.0, largest_k = 0.0, amplification = 1.0;
  int worst_ratio_layer = -1, largest_k_layer = -1, extreme_layers = 0;
  int left_out = 0;  ///< layers with NaN or infinity in a norm

  std::string_view verdict() const;  ///< "COMPATIBLE", "WARNING", "INCOMPATIBLE"
};

NotesScore notes_score(std::vector<NotesLayer> layers);

}  // namespace plumbline
