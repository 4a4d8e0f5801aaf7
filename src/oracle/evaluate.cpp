// SPDX-License-Identifier: Apache-2.0
// From an op to its family: checks what every family relies on, and puts the outputs in the op's order.
#include <algorithm>
#include <array>
#include <string>

#include <plumbline/error.h>

#include "oracle/declared_order.h"
#include "oracle/noisy.h"
#include "oracle/output.h"

namespace plumbline {
namespace {

struct Family {
  OpKind kind;
  size_t inputs, parameters;  ///< how many at least
  std::vector<Evaluated> (*evaluate)(const OracleCall&);
};

constexpr std::array<Family, 18> kFamilies{{
    {OpKind::embedding, 1, 1, evaluate_embedding},
    {OpKind::rope_table, 1, 0, evaluate_rope_table},
    {OpKind::rmsnorm, 1, 1, evaluate_rmsnorm},
    {OpKind::linear, 1, 1, evaluate_linear},
    {OpKind::split_heads, 1, 0, evaluate_split_heads},
    {OpKind::rope, 3, 0, evaluate_rope},
    {OpKind::kv_append, 1, 0, evaluate_kv_append},
    {OpKind::attn_scores, 2, 0, evaluate_attn_scores},
    {OpKind::scale, 1, 0, evaluate_scale},
    {OpKind::causal_mask, 1, 0, evaluate_causal_mask},
    {OpKind::softmax, 1, 0, evaluate_softmax},
    {OpKind::attn_context, 2, 0, evaluate_attn_context},
    {OpKind::merge_heads, 1, 0, evaluate_merge_heads},
    {OpKind::add, 2, 0, evaluate_add},
    {OpKind::silu, 1, 0, evaluate_silu},
    {OpKind::multiply, 2, 0, evaluate_multiply},
    {OpKind::softcap, 1, 0, evaluate_softcap},
    {OpKind::gelu_tanh, 1, 0, evaluate_gelu_tanh},
}};

const Family& family_of(OpKind kind) {
  return *std::find_if(kFamilies.begin(), kFamilies.end(), [&](const Family& f) { return f.kind == kind; });
}

void check_arrays(const OracleCall& call, const std::vector<Array>& arrays) {
  for (const Array& array : arrays) {
    if (element_count(array.shape) != static_cast<int64_t>(array.values.size()))
      call.misfit("an array does not fill its shape", array.shape);
  }
}

void check(const OracleCall& call, const Family& family) {
  const Op& op = call.op;
  if (!call.contract.covers(op.kind)) {
    std::vector<std::string> details = {"op        " + op.name + " (" + std::string(op_kind_name(op.kind)) + ")",
                                        "contract  " + std::string(call.contract.name)};
    for (const Contract* known : contracts_for(op.kind)) details.push_back("known     " + std::string(known->name));
    throw InputError("a contract cannot stand for an op of this kind", details, "");
  }
  if (call.in.inputs.size() < family.inputs || call.in.parameters.size() < family.parameters) {
    throw InputError(
        "the oracle lacks inputs of an op",
        {"op          " + op.name,
         "inputs      " + std::to_string(call.in.inputs.size()) + " of " + std::to_string(family.inputs),
         "parameters  " + std::to_string(call.in.parameters.size()) + " of " + std::to_string(family.parameters)},
        "");
  }
  check_arrays(call, call.in.inputs);
  check_arrays(call, call.in.parameters);
  if (call.in.past) check_arrays(call, {*call.in.past});
  for (size_t i = 0; i < call.in.input_bounds.size(); ++i) {
    if (call.has_bounds(i) &&
        (i >= call.in.inputs.size() || call.in.input_bounds[i].values.size() != call.in.inputs[i].values.size()))
      call.misfit("the uncertainty of an input has another shape", call.in.input_bounds[i].shape);
  }
}

std::vector<Evaluated> evaluated(const OracleCall& call) {
  const Family& family = family_of(call.op.kind);
  check(call, family);
  std::vector<Evaluated> outputs = family.evaluate(call);
  std::sort(outputs.begin(), outputs.end(), [](const Evaluated& a, const Evaluated& b) { return a.spec < b.spec; });
  return outputs;
}

}  // namespace

std::string_view sum_order_name(SumOrder order) {
  constexpr std::string_view kNames[] = {"f32_chain", "f32_tree", "tensor_core", "bf16_parts", "online"};
  return kNames[static_cast<size_t>(order)];
}

std::vector<Evaluated> evaluate(const Op& op, const Contract& contract, const OpInputs& in, DType model_dtype,
                                const EvaluateOptions& options) {
  return evaluated({op, contract, in, model_dtype, options});
}

std::vector<Evaluated> evaluate_noisy(const Op& op, const Contract& contract, const OpInputs& in, DType model_dtype,
                                      const Draw& draw, const EvaluateOptions& options) {
  EvaluateOptions without_bounds = options;
  without_bounds.bounds = false;
  const Noise noise(draw, op.name, in.first_position);
  return evaluated({op, contract, in, model_dtype, without_bounds, &noise});
}

std::vector<Evaluated> evaluate_in_order(const Op& op, const Contract& contract, const OpInputs& in, DType model_dtype,
                                         const DeclaredOrder& order, const EvaluateOptions& options) {
  if (order.parts < 1)
    throw InputError("a sum cannot be split into less than one part",
                     {"op     " + op.name, "parts  " + std::to_string(order.parts)}, "");
  if (order.within && *order.within > SumOrder::tensor_core)
    throw InputError("a part of a sum cannot be summed in that order",
                     {"op     " + op.name, "order  " + std::string(sum_order_name(*order.within))},
                     "known: f32_chain, f32_tree, tensor_core");
  return evaluated({op, contract, in, model_dtype, options, nullptr, &order});
}

}  // namespace plumbline
