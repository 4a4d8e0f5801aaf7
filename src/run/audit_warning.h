// SPDX-License-Identifier: Apache-2.0
// One line on standard error for a checkpoint that `plumbline audit` finds something in: numbers that were never
// written look like any others once a run has begun. Invariant: it never ends a run; what cannot be audited is left to
// the loader, which says why.
#pragma once
#include <filesystem>

namespace plumbline::run {

/// Reads every weight once, on `threads` threads (0: all).
void warn_of_checkpoint(const std::filesystem::path& directory, int threads);

}  // namespace plumbline::run
