// SPDX-License-Identifier: Apache-2.0
// Parameters as the two runs used them, by their digests. Findings P0403 and P0404.
#pragma once
#include <string>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/model.h>
#include <plumbline/trace.h>

namespace plumbline {

/// Parameters whose digests as used differ, or that one side lacks, with the first op that uses each: an error, or a
/// warning where the candidate used what the checkpoint holds and the reference did not. `model` may be nullptr;
/// `candidate_model` is given where the candidate computed in another format: weights of its digests are then those of
/// the reference.
std::vector<Finding> parameter_findings(const Trace& reference, const Trace& candidate, const OpGraph& reference_graph,
                                        const OpGraph& candidate_graph, const Model* model,
                                        const Model* candidate_model, std::vector<std::string>& notes);

/// How many of the findings are such warnings.
int64_t departures_of_reference(const std::vector<Finding>& findings);

}  // namespace plumbline
