// SPDX-License-Identifier: Apache-2.0
#include "model/notes_checker.h"

#include <cmath>
#include <utility>

namespace plumbline {
namespace {

constexpr double kExtreme = 10.0, kRatioLow = 15.0, kRatioHigh = 20.0, kShareLow = 0.3, kShareHigh = 0.5;
constexpr double kLargestLow = 20.0, kLargestHigh = 50.0, kIncompatible = 0.5, kWarning = 0.8;

double ratio_part(double ratio) {
  if (ratio > kRatioHigh) return 0.0;
  return ratio > kRatioLow ? 0.5 * (kRatioHigh - ratio) / (kRatioHigh - kRatioLow) : 1.0;
}

double share_part(double share) {
  if (share > kShareHigh) return 0.0;
  return share > kShareLow ? 1.0 - 2.0 * (share - kShareLow) : 1.0;
}

double largest_part(double largest) {
  if (largest > kLargestHigh) return 0.0;
  return largest > kLargestLow ? (kLargestHigh - largest) / (kLargestHigh - kLargestLow) : 1.0;
}

}  // namespace

bool NotesLayer::extreme() const { return k_max > kExtreme; }

bool NotesLayer::finite() const {
  return std::isfinite(k_max) && std::isfinite(k_median) && std::isfinite(q_max) && std::isfinite(q_median);
}

std::string_view NotesScore::verdict() const {
  return score < kIncompatible ? "INCOMPATIBLE" : score < kWarning ? "WARNING" : "COMPATIBLE";
}

NotesScore notes_score(std::vector<NotesLayer> layers) {
  NotesScore notes;
  notes.layers = std::move(layers);
  if (notes.layers.empty()) return notes;
  for (const NotesLayer& layer : notes.layers) {
    if (!layer.finite()) {
      ++notes.left_out;
      continue;
    }
    if (notes.worst_ratio_layer < 0 || layer.k_ratio() > notes.worst_ratio) {
      notes.worst_ratio = layer.k_ratio();
      notes.worst_ratio_layer = layer.layer;
    }
    if (notes.largest_k_layer < 0 || layer.k_max > notes.largest_k) {
      notes.largest_k = layer.k_max;
      notes.largest_k_layer = layer.layer;
    }
    if (!layer.extreme()) continue;
    ++notes.extreme_layers;
    notes.amplification *= 1.0 + 0.001 * (layer.k_max + layer.q_max) / 2.0;
  }
  const size_t counted = notes.layers.size() - static_cast<size_t>(notes.left_out);
  if (counted == 0) return notes;
  notes.a = ratio_part(notes.worst_ratio);
  notes.b = share_part(static_cast<double>(notes.extreme_layers) / static_cast<double>(counted));
  notes.c = largest_part(notes.largest_k);
  notes.score = 0.4 * notes.a + 0.3 * notes.b + 0.3 * notes.c;
  return notes;
}

}  // namespace plumbline
