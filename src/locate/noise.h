// SPDX-License-Identifier: Apache-2.0
// The model's own floor for given tokens: how far right implementations of its contracts lie apart, op by op and in
// the logits, and whether a candidate lies further off. Invariant: every limit follows from the runs measured here;
// what only noise can decide is called chaotic, never equal and never different.
//
// Noise of a result: root mean square, over runs and elements, of its distance from the exact replay of the
// reference's contracts, where every op of a run is a drawn right implementation (oracle/noisy.h). From repeats it is
// their distance from the reference over sqrt 2, as both are runs. Relative: to the root mean square of the result.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/trace.h>

namespace plumbline {

/// Noise in a layer's last result, relative to the part of the signal that tells tokens apart, from which on the layer
/// is said to have forgotten the last bits of its input: a tenth. Two unrelated runs have 1.4.
inline constexpr double kForgotten = 0.1;
/// A model is called chaotic if the noise of one logit reaches this share of the logits' own deviation over the
/// vocabulary.
inline constexpr double kChaotic = 0.1;

struct NoiseOptions {
  int runs = 16;  ///< of Monte Carlo rounding; 0: only repeats
  uint64_t seed = 1;
  int threads = 0;  ///< 0: all; the result is the same
};

struct OpNoise {
  std::string op, kind;
  int layer = -1;
  double relative = 0.0;  ///< all its results together; NaN if none was compared
};

struct LayerNoise {
  int layer = 0;
  double relative = 0.0;  ///< of the layer's last result
  double signal = 0.0;    ///< the same noise relative to that result's deviation from its mean over tokens, the median
                          ///< over channels: a few channels of huge, constant values do not hide it
};

struct PositionNoise {
  int64_t position = 0;
  double sigma = 0.0;      ///< of one logit
  double half_unit = 0.0;  ///< half a unit in the last place of a logit: no difference below it means anything
  double spread = 0.0;     ///< deviation of the logits over the vocabulary
  double kl_mean = 0.0, kl_max = 0.0;  ///< KL(base || run) in nats
  double agreement = 1.0;              ///< share of runs with the same best token
  double margin = 0.0;                 ///< best logit minus second

  /// A distance between a run and the base in sigmas.
  double in_sigmas(double distance) const;
  /// A difference of two logits in sigmas of its own change between two runs, which is twice as large: two logits, two
  /// runs.
  double margin_sigmas(double difference) const;
};

struct NoiseFloor {
  std::string source;                    ///< "Monte Carlo rounding" or "repeats"
  int runs = 0;                          ///< distances measured
  double factor = 0.0;                   ///< with 95 % confidence no sigma is larger by more than this
  std::vector<OpNoise> ops;              ///< in execution order
  std::vector<LayerNoise> layers;        ///< ascending
  std::vector<PositionNoise> positions;  ///< of recorded logits, ascending
  double growth = 0.0;         ///< slope of ln(noise) per layer by least squares up to `forgets` (finite-depth Lyapunov
                               ///< exponent); NaN for fewer than two layers
  std::optional<int> forgets;  ///< first layer whose `signal` reaches kForgotten
  double logits = 0.0;         ///< sigma / spread, root mean square over positions
  double agreement = 1.0;
  double kl_mean = 0.0, kl_max = 0.0;
  /// Largest distance of a right run at any position, in sigmas of that position: six deviations above the mean of the
  /// runs' own ln(distance / sigma).
  double limit = 0.0;

  bool chaotic() const { return logits >= kChaotic; }
};

struct PositionVerdict {
  int64_t position = 0;
  double sigmas = 0.0;         ///< candidate's distance from the reference, in sigmas of such a distance
  double kl = 0.0;             ///< KL(reference || candidate)
  bool flipped = false;        ///< another best token
  double margin_sigmas = 0.0;  ///< of the reference's choice
  bool beyond = false;         ///< further off than the limit, or flipped in spite of a margin above it
};

enum class NoiseOutcome : uint8_t { within, beyond, undecidable };

struct NoiseVerdict {
  std::string file, backend;
  NoiseOutcome outcome = NoiseOutcome::undecidable;
  std::string reason;
  std::vector<PositionVerdict> positions;
  double limit = 0.0;  ///< in sigmas
  /// Largest distance of either side from the exact replay, in sigmas of the position; NaN without Monte Carlo.
  double reference_sigmas = 0.0, candidate_sigmas = 0.0;
};

struct NoiseReport {
  std::string file, backend, architecture, model;
  uint64_t seed = 0;
  std::vector<NoiseFloor> floors;  ///< Monte Carlo first
  std::optional<NoiseVerdict> against;
  std::vector<std::string> notes;
};

/// Throws InputError if the reference does not say which tokens were fed, if there is neither a run nor a repeat, or if
/// a repeat was fed other tokens.
NoiseReport measure_noise(const Trace& reference, const Model& checkpoint, const std::vector<Trace>& repeats,
                          const Trace* candidate, const NoiseOptions& options);

}  // namespace plumbline
