// SPDX-License-Identifier: Apache-2.0
// What the size of a weight predicts an error to grow by, beside what was measured. The rule that is put to the test
// here: a norm multiplies an error by its largest weight, and the layers' key norms multiply each other ("0.0005
// x 96.5", "over 1e6 after 28 layers"). It forgets that the weight multiplies the signal as well, and that the next
// norm divides. Invariant: measures nothing itself; depends on the graph, the checkpoint and the rows alone.
#pragma once
#include <plumbline/find.h>
#include <plumbline/model.h>

namespace plumbline {

/// The largest |weight| of a norm; NaN for other kinds of op and where the checkpoint lacks the weight.
double predicted_gain(const Op& op, const Model& model);

/// Layer by layer, from the first layer whose last op differs: smaller differences before it (one rounding of a table)
/// say nothing, as every op adds rounding errors of its own. `rows` stand in the order of graph.ops and hold their
/// predicted gains.
Amplification amplification_of(const OpGraph& graph, const std::vector<OpRow>& rows);

}  // namespace plumbline
