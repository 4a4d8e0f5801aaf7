// SPDX-License-Identifier: Apache-2.0
// Names of the kinds, look-ups and typed access to attributes. What makes a graph sound is in op_graph_validate.cpp,
// its JSON form in op_graph_json.cpp.
#include <plumbline/op_graph.h>

#include <algorithm>
#include <array>

#include <plumbline/error.h>

namespace plumbline {
namespace {

constexpr std::array<std::string_view, 18> kKindNames = {
    "embedding",   "rope_table",  "rmsnorm", "linear",      "split_heads", "rope",
    "kv_append",   "attn_scores", "scale",   "causal_mask", "softmax",     "attn_context",
    "merge_heads", "add",         "silu",    "multiply",    "softcap",     "gelu_tanh"};

template <class T>
constexpr std::string_view type_name() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, int64_t>) return "an integer";
  if constexpr (std::is_same_v<T, double>) return "a real number";
  if constexpr (std::is_same_v<T, std::vector<double>>) return "a list of real numbers";
  return "a text";
}

template <class T>
const T& attribute(const Op& op, std::string_view key) {
  const auto found = op.attributes.find(key);
  if (found == op.attributes.end()) {
    throw InputError("an op lacks an attribute", {"op         " + op.name, "attribute  " + std::string(key)}, "");
  }
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) {
    throw InputError(
        "an attribute has the wrong type",
        {"op         " + op.name, "attribute  " + std::string(key), "expected   " + std::string(type_name<T>())}, "");
  }
  return *value;
}

}  // namespace

std::string_view op_kind_name(OpKind kind) { return kKindNames.at(static_cast<size_t>(kind)); }

OpKind parse_op_kind(std::string_view name) {
  const auto found = std::find(kKindNames.begin(), kKindNames.end(), name);
  if (found == kKindNames.end()) throw InputError("unknown kind of op: '" + std::string(name) + "'");
  return static_cast<OpKind>(found - kKindNames.begin());
}

double number(const Op& op, std::string_view key) { return attribute<double>(op, key); }
int64_t integer(const Op& op, std::string_view key) { return attribute<int64_t>(op, key); }
const std::string& text(const Op& op, std::string_view key) { return attribute<std::string>(op, key); }

const std::vector<double>& numbers(const Op& op, std::string_view key) {
  return attribute<std::vector<double>>(op, key);
}

std::optional<int64_t> mask_window(const Op& op) {
  if (!op.attributes.contains("window")) return std::nullopt;
  const int64_t window = integer(op, "window");
  if (window >= 1) return window;
  throw InputError("a sliding window must hold one key or more",
                   {"op      " + op.name, "window  " + std::to_string(window)}, "");
}

const Op* OpGraph::producer(std::string_view path) const {
  for (const Op& op : ops) {
    for (const TapSpec& tap : op.outputs) {
      if (tap.path == path) return &op;
    }
  }
  return nullptr;
}

const Op* OpGraph::find(std::string_view op_name) const {
  const auto found = std::find_if(ops.begin(), ops.end(), [&](const Op& op) { return op.name == op_name; });
  return found == ops.end() ? nullptr : &*found;
}

}  // namespace plumbline
