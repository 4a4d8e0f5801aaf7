// SPDX-License-Identifier: Apache-2.0
// The stages of one pass as the notes of the case study tabulated them: how large the stream is behind the embedding,
// behind each layer, behind the last norm, and the logits; from where on it explodes, dies or is not finite, and which
// op began it. Invariant: numbers of one trace alone, nothing is replayed; a stage that was not recorded is left out
// and counted. Limits are ours (the notes gave ticks, no numbers): what a layer adds is of the stream's own size.
// Leaves to others: whether a reference does the same (find), rendering (src/report).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/op_graph.h>
#include <plumbline/trace.h>

namespace plumbline {

/// Against the stage before: a growth or loss of 30 times is worth a look (sound models here: up to 14, behind layer
/// 0), a thousand times is a failure.
inline constexpr double kNotableGrowth = 30.0, kExplosion = 1000.0;

enum class StageState : uint8_t {
  ok,
  warn,  ///< kNotableGrowth times larger or smaller than the stage before
  fail,  ///< kExplosion times, or every value the same: nothing tells tokens apart any more
  inf,   ///< NaN or infinity
};

struct ModelStage {
  std::string tap;
  int layer = -1;
  int64_t count = 0, nonfinite = 0;
  double deviation = 0.0;  ///< standard deviation of the finite values; of recorded statistics their rms
  double largest = 0.0;    ///< magnitude
  double growth = 0.0;     ///< deviation over that of the stage before; NaN for the first of the stream and the logits
  StageState state = StageState::ok;
};

/// The first op whose results are not finite, or kExplosion times larger than all that it reads.
struct Eruption {
  std::string op;
  double result = 0.0, inputs = 0.0;  ///< largest magnitudes
};

struct StageTable {
  std::vector<ModelStage> stages;
  int64_t step = 0;
  int missing = 0;               ///< stages that the trace does not hold
  bool of_statistics = false;    ///< from `--taps stats`: rms in place of deviations
  std::optional<size_t> breaks;  ///< the first stage that fails or is not finite
  std::optional<Eruption> begins;
};

/// Of the trace's first step.
StageTable stage_table(const Trace& trace, const OpGraph& graph);

/// The attention logits of a layer: its scaled scores before the mask, all positions of the first step.
struct SeenLogits {
  std::string op;
  int layer = -1;
  double largest = 0.0, rms = 0.0;  ///< magnitude; infinite where a score is not finite
};
std::vector<SeenLogits> seen_logits(const Trace& trace, const OpGraph& graph);

}  // namespace plumbline
