// SPDX-License-Identifier: Apache-2.0
// Child side: a trace of ours, read from its index. Invariant: a damaged index or text is never returned (index_xxh3).
#pragma once
#include "trace/codec.h"
#include "trace/hdf5_input.h"

namespace plumbline::trace {

/// True if the root says that this is a trace of ours and it is complete or has an index. Throws TraceError for one of
/// ours that is unfinished or of another schema version.
bool is_own_trace(const Input& input);
FlatTable read_own_trace(const Input& input);

}  // namespace plumbline::trace
