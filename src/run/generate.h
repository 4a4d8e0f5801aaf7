// SPDX-License-Identifier: Apache-2.0
// `plumbline generate`: continue a text by one backend, or compare two backends' choices along it. Invariant: nothing
// is recorded; what is shown was chosen by the logits of the backend that is named.
#pragma once

namespace plumbline::run {

/// The whole verb: argv[0] is a name, the options follow. Returns the exit status: 0, with --against also 1 and 3.
/// Throws UsageError, InputError (logits that choose nothing too), CheckpointError, BackendError.
int generate_program(int argc, char** argv);

}  // namespace plumbline::run
