// SPDX-License-Identifier: Apache-2.0
// The table of ops. An attribute nobody reads is an error: a fault planted by it would silently not happen.
#include "reference/interpreter.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "reference/ops.h"

#include <plumbline/error.h>

namespace plumbline::torch_reference {
namespace {

struct Entry {
  OpKind kind;
  OpFunction function;
  size_t inputs, least_parameters, most_parameters;
  std::vector<std::string> contracts, attributes;
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> kTable = {
      {OpKind::embedding, embedding, 1, 1, 1, {"embedding/copy"}, {"scale"}},
      {OpKind::rope_table,
       rope_table,
       1,
       0,
       0,
       {"rope-table/f32", "rope-table/f32out"},
       {"theta", "head_dim", "scaling", "factor", "low_freq_factor", "high_freq_factor", "original_positions",
        "short_factors", "long_factors", "attention_factor"}},
      {OpKind::rmsnorm,
       rmsnorm,
       1,
       1,
       1,
       {"rmsnorm/llama", "rmsnorm/olmo", "rmsnorm/gemma", "rmsnorm/f32"},
       {"eps", "heads"}},
      {OpKind::linear, linear, 1, 1, 2, {"linear/f32acc"}, {}},
      {OpKind::split_heads, split_heads, 1, 0, 0, {"layout/copy"}, {"heads"}},
      {OpKind::rope, rope, 3, 0, 0, {"rope/neox-t", "rope/neox-f32", "rope/interleaved-f32"}, {"pairing"}},
      {OpKind::kv_append, kv_append, 1, 0, 0, {"layout/copy"}, {}},
      {OpKind::attn_scores, attn_scores, 2, 0, 0, {"attention/eager"}, {"kv_map"}},
      {OpKind::scale, scale, 1, 0, 0, {"attention/eager"}, {"factor"}},
      {OpKind::causal_mask, causal_mask, 1, 0, 0, {"attention/eager"}, {"offset", "window"}},
      {OpKind::softmax, softmax, 1, 0, 0, {"attention/eager"}, {}},
      {OpKind::attn_context, attn_context, 2, 0, 0, {"attention/eager"}, {"kv_map"}},
      {OpKind::merge_heads, merge_heads, 1, 0, 0, {"layout/copy"}, {}},
      {OpKind::add, add, 2, 0, 0, {"add/rounded"}, {}},
      {OpKind::silu, silu, 1, 0, 0, {"silu/f32"}, {}},
      {OpKind::gelu_tanh, gelu_tanh, 1, 0, 0, {"gelu-tanh/f32"}, {}},
      {OpKind::softcap, softcap, 1, 0, 0, {"softcap/rounded"}, {"cap"}},
      {OpKind::multiply, multiply, 2, 0, 0, {"multiply/rounded"}, {}},
  };
  return kTable;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all.empty() ? "none" : all;
}

std::string place(const Op& op) {
  return "backend torch cannot run op '" + op.name + "' (" + std::string(op_kind_name(op.kind)) + ")";
}

}  // namespace

OpFunction check_op(const Op& op) {
  const auto entry =
      std::find_if(table().begin(), table().end(), [&](const Entry& candidate) { return candidate.kind == op.kind; });
  if (entry == table().end()) throw BackendError(place(op), {}, "this kind has no LibTorch function");
  if (!contains(entry->contracts, op.contract))
    throw BackendError(place(op), {"contract  " + op.contract}, "it knows: " + listed(entry->contracts));
  for (const auto& [key, value] : op.attributes)
    if (!contains(entry->attributes, key))
      throw BackendError(place(op), {"attribute  " + key}, "it knows: " + listed(entry->attributes));
  if (op.inputs.size() != entry->inputs || op.parameters.size() < entry->least_parameters ||
      op.parameters.size() > entry->most_parameters)
    throw BackendError(place(op),
                       {"inputs      " + std::to_string(op.inputs.size()) + ", needs " + std::to_string(entry->inputs),
                        "parameters  " + std::to_string(op.parameters.size()) + ", needs " +
                            std::to_string(entry->least_parameters) + " to " + std::to_string(entry->most_parameters)},
                       "");
  return entry->function;
}

}  // namespace plumbline::torch_reference
