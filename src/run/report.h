// SPDX-License-Identifier: Apache-2.0
// What a finished run prints: prompt, continuation, and the trace it left; as text or as one JSON object.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plumbline/backend.h>

#include "model/cast.h"
#include "run/backends.h"
#include "run/decode.h"
#include "run/feed.h"
#include "run/options.h"

namespace plumbline::run {

struct RunSummary {
  int64_t taps = 0, bytes = 0;
  double seconds = 0.0;
  double recording_seconds = 0.0;        ///< of these, spent in writing taps
  std::optional<WeightCast> cast;        ///< of the weights, before the run
  std::optional<CaptureCounts> capture;  ///< how taps left the backend, if ahead of their values
};

std::string text_report(const RunOptions& options, const Model& model, const Feed& feed, const Decoded& run,
                        const RunSummary& summary);
std::string json_report(const RunOptions& options, const Model& model, const Feed& feed, const Decoded& run,
                        const RunSummary& summary);
std::string backends_report(const std::vector<BackendStatus>& statuses, bool json);

}  // namespace plumbline::run
