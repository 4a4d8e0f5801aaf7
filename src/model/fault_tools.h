// SPDX-License-Identifier: Apache-2.0
// What rewrites share. Invariant: a parameter that is changed becomes a new tensor under a name that only the rewritten
// op reads, so the mapped checkpoint and other readers of a shared parameter keep theirs.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "model/fault.h"

namespace plumbline {

/// The op of that name. Throws Error if there is none: sites were resolved before.
Op& op_named(Model& model, std::string_view name);

/// The value after '=' as a finite number above 0, or `otherwise` if none was given. Throws UsageError.
double positive_value(const FaultCall& call, double otherwise);
[[noreturn]] void bad_value(const FaultCall& call, const std::string& expected);
/// Throws UsageError: in this model the fault would leave every number as it is.
[[noreturn]] void changes_nothing(const FaultCall& call, const std::string& reason);

const Tensor& parameter(const Model& model, const Op& op, size_t index);
/// Gives `op` `values` as its parameter `index`: under the old name, or under a new one if other ops read that too.
void replace_parameter(Model& model, Op& op, size_t index, Tensor values);
/// Exchanges the first parameters of two ops.
void exchange_parameters(Model& model, const std::string& first, const std::string& second);

/// Removes an op: what read its first output reads `instead` (a copy: callers give a path of the op itself).
/// Parameters that no op uses any more go too.
void remove_op(Model& model, const std::string& name, std::string instead);

}  // namespace plumbline
