// SPDX-License-Identifier: Apache-2.0
// `plumbline order`: in which order a backend adds the terms of an op's sums. Invariant: an order is reported only if
// it also answers random questions that did not make it.
#pragma once

namespace plumbline::run {

/// The whole verb: argv[0] is a name, the options follow. Returns the exit status: 0 every order was found, 3 one was
/// not (no fixed order, or none that can be seen). Throws UsageError, InputError, CheckpointError, BackendError.
int order_program(int argc, char** argv);

}  // namespace plumbline::run
