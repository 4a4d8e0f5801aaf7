// SPDX-License-Identifier: Apache-2.0
// What rewrites share. Invariant: a parameter that is changed becomes a new tensor under a name that only the rewritten
// op reads, so the mapped checkpoint and other readers of a shared parameter keep theirs.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "model/fault.h"

namespace plumbline {

/// The op of that name. Throws Error if there is none: sites were resolved before.
Op& op_named(Model& model, std::string_view name);

/// Whether it makes the logits from the last norm, be they capped afterwards or not.
bool is_head(const Op& op);

/// The value after '=' as a finite number above 0, or `otherwise` if none was given. Throws UsageError.
double positive_value(const FaultCall& call, double otherwise);
/// The value after '=' as a whole number from 1 to `most`, or `otherwise` if none was given. Throws UsageError.
int64_t whole_value(const FaultCall& call, int64_t otherwise, int64_t most);
[[noreturn]] void bad_value(const FaultCall& call, const std::string& expected);
/// Throws UsageError: in this model the fault would leave every number as it is.
[[noreturn]] void changes_nothing(const FaultCall& call, const std::string& reason);

const Tensor& parameter(const Model& model, const Op& op, size_t index);
/// Gives `op` `values` as its parameter `index`: under the old name, or under a new one if other ops read that too.
void replace_parameter(Model& model, Op& op, size_t index, Tensor values);
/// Gives `op` its parameter `index` with values changed by `change(values, shape)`, rounded to the parameter's format.
void change_parameter(Model& model, Op& op, size_t index,
                      const std::function<void(std::vector<double>&, const Shape&)>& change);
/// Rows and columns of a weight: a norm's is one row.
struct MatrixShape {
  int64_t rows = 1, columns = 1;
};
MatrixShape matrix_shape(const Shape& shape);
/// A rewrite of a linear map's weight that goes to `part` ("attn.q_proj") of layer 3 unless told otherwise.
Fault linear_weight_fault(const char* name, const char* value, const char* part, const char* effect,
                          void (*rewrite)(FaultCall&));
/// Random numbers of this use of the fault: the same in every run, others at another place or with another value.
SplitMix64 random_of(const FaultCall& call);
/// A whole number from 0 to `most`.
int64_t random_below(SplitMix64& random, int64_t most);
/// The op at the fault's site.
Op& site_op(FaultCall& call);
/// Exchanges the first parameters of two ops.
void exchange_parameters(Model& model, const std::string& first, const std::string& second);

/// Removes an op: what read its first output reads `instead` (a copy: callers give a path of the op itself).
/// Parameters that no op uses any more go too.
void remove_op(Model& model, const std::string& name, std::string instead);

}  // namespace plumbline
