// SPDX-License-Identifier: Apache-2.0
// What a run says about itself in its trace: model, parameters as used, backend, machine.
// Invariant: everything that can move a bit and is known before the first forward pass is in here.
#pragma once
#include "model/cast.h"
#include "run/feed.h"
#include "run/options.h"
#include "run/stop_tokens.h"

#include <plumbline/backend.h>
#include <plumbline/model.h>
#include <plumbline/trace.h>

namespace plumbline::run {

/// Digests every parameter (one pass over the weights). `cast`: what was done to them after loading, if anything.
TraceHeader make_header(const RunOptions& options, const Model& model, const Feed& feed, const StopTokens& stop,
                        const Backend& backend, const std::optional<WeightCast>& cast);

}  // namespace plumbline::run
