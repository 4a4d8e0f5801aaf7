// SPDX-License-Identifier: Apache-2.0
// Whether an op's own error spares the first place along an axis and grows from there: the mark of mistakes that act by
// position (a rotation paired or based otherwise, an offset, a recurrence).
#pragma once
#include <string>

#include "oracle/judge.h"

namespace plumbline {

/// One line, or "" where the first place is not exact, fewer than three quarters of the others err, or there are fewer
/// than four places. "Exact": every stored bit is the rounded replay's. Sizes are relative L2.
std::string growth_evidence(const Evaluated& result, const TensorView& stored, size_t axis, const std::string& name);

}  // namespace plumbline
