// SPDX-License-Identifier: Apache-2.0
// Where two runs in parity stop being equal to the last bit, and in which order each side adds up there.
// Invariant: an op is named only if all that it reads was recorded on both sides and is equal byte for byte, so that
// its own arithmetic is what parts them. Left to others: whether a difference matters (op_walk.h).
#pragma once
#include <string>
#include <vector>

#include "locate/context.h"

namespace plumbline {

/// One sentence for the first such op, and one for the first norm and the first linear op of that layer or the next:
/// both orders of their sums. Nothing where no op parts equal bits.
std::vector<std::string> parting_notes(const Context& context);

}  // namespace plumbline
