// SPDX-License-Identifier: Apache-2.0
// Which op kinds, contracts and attributes the reference understands: one table, looked up by kind.
// Invariant: an op that passes check_op has no contract and no attribute that its function would ignore.
#pragma once
#include "reference/op_call.h"

namespace plumbline::torch_reference {

using OpFunction = void (*)(OpCall&);

/// The function of op.kind. Throws BackendError naming the op for an unknown kind, contract or attribute, or a wrong
/// number of inputs or parameters.
OpFunction check_op(const Op& op);

}  // namespace plumbline::torch_reference
