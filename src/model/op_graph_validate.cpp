// SPDX-License-Identifier: Apache-2.0
// What every interpreter of a graph may rely on: the number of inputs, parameters and results of each kind, its
// attributes and their types, unique names, and inputs that exist by the time they are read. Shapes are not checked
// here: they depend on the step.
#include <array>
#include <cmath>
#include <set>

#include <plumbline/error.h>
#include <plumbline/op_graph.h>

namespace plumbline {
namespace {

enum class Type : uint8_t { integer, real, positive, pairing, kv_map };

struct Required {
  std::string_view key;
  Type type;
};

struct Signature {
  size_t inputs, least_parameters, most_parameters, results;
  std::vector<Required> attributes;
};

const Signature& signature(OpKind kind) {
  static const std::array<Signature, 18> kSignatures = {{
      /* embedding    */ {1, 1, 1, 1, {{"scale", Type::real}}},
      /* rope_table   */ {1, 0, 0, 2, {{"theta", Type::real}, {"head_dim", Type::integer}}},
      /* rmsnorm      */ {1, 1, 1, 1, {{"eps", Type::real}, {"heads", Type::integer}}},
      /* linear       */ {1, 1, 2, 1, {}},
      /* split_heads  */ {1, 0, 0, 1, {{"heads", Type::integer}}},
      /* rope         */ {3, 0, 0, 1, {{"pairing", Type::pairing}}},
      /* kv_append    */ {1, 0, 0, 1, {}},
      /* attn_scores  */ {2, 0, 0, 1, {{"kv_map", Type::kv_map}}},
      /* scale        */ {1, 0, 0, 1, {{"factor", Type::real}}},
      /* causal_mask  */ {1, 0, 0, 1, {{"offset", Type::integer}}},
      /* softmax      */ {1, 0, 0, 1, {}},
      /* attn_context */ {2, 0, 0, 1, {{"kv_map", Type::kv_map}}},
      /* merge_heads  */ {1, 0, 0, 1, {}},
      /* add          */ {2, 0, 0, 1, {}},
      /* silu         */ {1, 0, 0, 1, {}},
      /* multiply     */ {2, 0, 0, 1, {}},
      /* softcap      */ {1, 0, 0, 1, {{"cap", Type::positive}}},
      /* gelu_tanh    */ {1, 0, 0, 1, {}},
  }};
  return kSignatures.at(static_cast<size_t>(kind));
}

[[noreturn]] void refuse(const Op& op, const std::string& what, const std::string& detail) {
  throw InputError("the op graph is unsound: " + what,
                   {"op    " + op.name + " (" + std::string(op_kind_name(op.kind)) + ")", detail}, "");
}

void check_one_of(const Op& op, std::string_view key, std::string_view first, std::string_view second) {
  const std::string& value = text(op, key);
  if (value != first && value != second) {
    refuse(op, "an attribute has an unknown value",
           std::string(key) + "  '" + value + "', known: " + std::string(first) + ", " + std::string(second));
  }
}

void check_attribute(const Op& op, const Required& required) {
  const std::string key(required.key);
  switch (required.type) {
    case Type::integer: integer(op, key); break;
    case Type::real:
      if (!std::isfinite(number(op, key))) refuse(op, "an attribute is not finite", key);
      break;
    case Type::positive:
      if (!std::isfinite(number(op, key)) || number(op, key) <= 0.0) refuse(op, "an attribute must be above 0", key);
      break;
    case Type::pairing: check_one_of(op, key, "half", "interleaved"); break;
    case Type::kv_map: check_one_of(op, key, "block", "modulo"); break;
  }
}

void check_signature(const Op& op) {
  const Signature& expected = signature(op.kind);
  const size_t parameters = op.parameters.size();
  if (op.inputs.size() != expected.inputs) {
    refuse(op, "wrong number of inputs",
           "inputs  " + std::to_string(op.inputs.size()) + ", needed " + std::to_string(expected.inputs));
  }
  if (parameters < expected.least_parameters || parameters > expected.most_parameters) {
    refuse(op, "wrong number of parameters",
           "parameters  " + std::to_string(parameters) + ", needed " + std::to_string(expected.least_parameters) +
               " to " + std::to_string(expected.most_parameters));
  }
  for (const Required& required : expected.attributes) check_attribute(op, required);
  if (op.kind == OpKind::rope_table) rope_scaling(op);
  if (op.kind == OpKind::causal_mask) mask_window(op);
  size_t results = 0;
  for (size_t i = 0; i < op.outputs.size(); ++i) {
    if (op.outputs[i].inner) continue;
    if (results++ != i) refuse(op, "a result stands after an inner tap", "tap   " + op.outputs[i].path);
  }
  if (results != expected.results) {
    refuse(op, "wrong number of results",
           "results  " + std::to_string(results) + ", needed " + std::to_string(expected.results));
  }
}

}  // namespace

void validate(const OpGraph& graph) {
  std::set<std::string_view> names, paths, readable;
  for (const std::string& input : graph.inputs) {
    if (!paths.insert(input).second) throw InputError("the op graph is unsound: input '" + input + "' stands twice");
    readable.insert(input);
  }
  for (const Op& op : graph.ops) {
    if (op.name.empty() || !names.insert(op.name).second) refuse(op, "an op name is empty or stands twice", "");
    if (op.layer < -1) refuse(op, "a layer is negative", "layer " + std::to_string(op.layer));
    check_signature(op);
    for (const std::string& input : op.inputs) {
      if (!readable.contains(input)) {
        refuse(op, "an input is neither a graph input nor a result of an earlier op", "input " + input);
      }
    }
    for (const TapSpec& tap : op.outputs) {
      if (tap.path.empty() || !paths.insert(tap.path).second) {
        refuse(op, "a tap path is empty or stands twice", "tap   '" + tap.path + "'");
      }
      if (!tap.inner) readable.insert(tap.path);
    }
  }
}

}  // namespace plumbline
