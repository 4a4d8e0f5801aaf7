// SPDX-License-Identifier: Apache-2.0
// Where an element of the candidate's tap stands in both traces, and the numbers around it.
#pragma once
#include <optional>
#include <string>

#include <plumbline/find.h>

#include "locate/judged_op.h"

namespace plumbline {

/// The element with that flat index in the candidate's tap of that step.
Place place_of(const Context& context, const std::string& path, int64_t candidate_step, int64_t flat);

/// Up to five neighbours along the last axis. `replay` may be nullptr (nothing replayed).
std::optional<ValueWindow> window_at(const Context& context, const Place& place, const Evaluated* replay);

/// The bytes of one element as a hexadecimal number: "0xbfae".
std::string bits_text(DType dtype, const std::byte* element);

}  // namespace plumbline
