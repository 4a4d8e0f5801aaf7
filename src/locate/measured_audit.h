// SPDX-License-Identifier: Apache-2.0
// What happened when a checkpoint was run, beside what its weights predict: the stages of a trace, attention logits
// against the bound of the norm weights, and the noise that right implementations make of these tokens. Invariant:
// every number is of that trace and checkpoint; a trace of other files is refused. Leaves to others: the weights
// themselves (model/audit.h), rendering. Errors: InputError for a trace of another checkpoint or without a graph.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "locate/noise.h"
#include "locate/stages.h"
#include "model/audit.h"

namespace plumbline {

/// Attention logits of one layer.
struct LogitRow {
  int layer = 0;
  double bound = 0.0;  ///< sqrt(head_dim) * max|q_norm| * max|k_norm|; NaN without such norms
  double seen = 0.0;   ///< largest magnitude
  double noise = 0.0;  ///< one sigma of a logit under right implementations; NaN if it was not measured
};

struct MeasuredAudit {
  std::string file, backend;
  StageTable stages;
  std::vector<LogitRow> logits;     ///< by layer
  std::optional<NoiseFloor> noise;  ///< none: not asked for, or `without_noise` says why not
  std::string without_noise;
};

/// `runs` of Monte Carlo rounding; 0: no noise is measured.
MeasuredAudit measure_audit(const AuditReport& audit, const Trace& trace, int runs, int threads);

}  // namespace plumbline
