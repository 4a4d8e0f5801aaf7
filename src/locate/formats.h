// SPDX-License-Identifier: Apache-2.0
// The model's format T of each run. Two runs of one checkpoint may have computed in different ones; each side is then
// replayed with the checkpoint's weights in its own T, under the same contracts, and the difference of the formats
// themselves is one finding instead of one at every op. Invariant: a format is never guessed against what a trace says.
#pragma once
#include <optional>

#include <plumbline/find.h>
#include <plumbline/model.h>
#include <plumbline/trace.h>

namespace plumbline {

/// The T of a run: what the trace states, else what its graph declares for the first op's result, else (a foreign file)
/// the format in which most results of T are stored if that is no wider than the checkpoint's, else the checkpoint's.
DType format_of_run(const Trace& trace, const Model& model);

/// The model as a run in `dtype` had it: `model` itself, or `storage` filled with it cast.
/// Throws CheckpointError if the weights cannot be cast.
const Model& model_in(DType dtype, const Model& model, std::optional<Model>& storage);

/// The op or graph with results of format `from` held in `to` instead; inner taps stay as they are.
Op retyped(const Op& op, DType from, DType to);
OpGraph retyped(const OpGraph& graph, DType from, DType to);

/// The two formats differ; the verdict on everything else is in the other findings.
Finding formats_finding(const Trace& reference, DType expected, const Trace& candidate, DType actual);

}  // namespace plumbline
