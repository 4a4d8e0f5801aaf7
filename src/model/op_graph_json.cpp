// SPDX-License-Identifier: Apache-2.0
// The op graph as JSON text and back. Integers and reals stay what they are (a real always has a point or an exponent),
// and reals are written with as many digits as give the same double back.
#include <plumbline/error.h>
#include <plumbline/op_graph.h>

#include "model/strict_json.h"

namespace plumbline {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json attribute_json(const Attribute& attribute) {
  return std::visit([](const auto& value) { return ordered_json(value); }, attribute);
}

ordered_json tap_json(const TapSpec& tap) {
  ordered_json out = {{"path", tap.path}, {"dtype", dtype_name(tap.dtype)}, {"axes", tap.axes}};
  if (tap.inner) out["inner"] = true;
  return out;
}

ordered_json op_json(const Op& op) {
  ordered_json attributes = ordered_json::object();
  for (const auto& [key, value] : op.attributes) attributes[key] = attribute_json(value);
  ordered_json outputs = ordered_json::array();
  for (const TapSpec& tap : op.outputs) outputs.push_back(tap_json(tap));
  return {{"name", op.name},         {"kind", op_kind_name(op.kind)}, {"layer", op.layer},
          {"inputs", op.inputs},     {"parameters", op.parameters},   {"attributes", std::move(attributes)},
          {"contract", op.contract}, {"outputs", std::move(outputs)}};
}

/// A value and where it stands, so that every complaint names the place: "ops[3].outputs[0].dtype".
class Node {
 public:
  Node(const json& value, std::string place) : value_(value), place_(std::move(place)) {}

  Node at(const std::string& key) const {
    require(value_.is_object(), "an object");
    const auto found = value_.find(key);
    if (found == value_.end()) fail("lacks the key '" + key + "'");
    return {*found, place_.empty() ? key : place_ + "." + key};
  }
  bool has(const std::string& key) const { return value_.contains(key); }
  std::vector<Node> list() const {
    require(value_.is_array(), "a list");
    std::vector<Node> items;
    for (size_t i = 0; i < value_.size(); ++i) items.emplace_back(value_[i], place_ + "[" + std::to_string(i) + "]");
    return items;
  }
  std::string str() const {
    require(value_.is_string(), "a text");
    return value_.get<std::string>();
  }
  std::vector<std::string> strings() const {
    std::vector<std::string> texts;
    for (const Node& item : list()) texts.push_back(item.str());
    return texts;
  }
  bool boolean() const {
    require(value_.is_boolean(), "true or false");
    return value_.get<bool>();
  }
  int64_t integer() const {
    const bool fits =
        value_.is_number_integer() && !(value_.is_number_unsigned() && value_.get<uint64_t>() > uint64_t{INT64_MAX});
    require(fits, "a 64-bit integer");
    return value_.get<int64_t>();
  }
  double real() const {
    require(value_.is_number_float(), "a real number");
    return value_.get<double>();
  }
  Attribute attribute() const {
    if (value_.is_array()) {
      std::vector<double> numbers;
      for (const Node& item : list()) numbers.push_back(item.real());
      return numbers;
    }
    if (value_.is_boolean()) return boolean();
    if (value_.is_string()) return str();
    if (value_.is_number_float()) return value_.get<double>();
    return integer();
  }
  const json& value() const { return value_; }

  void require(bool holds, const std::string& expected) const {
    if (!holds) fail("is " + std::string(json_type(value_)) + ", expected " + expected);
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError("the op graph's JSON cannot be used", {"place  " + (place_.empty() ? "top" : place_), what}, "");
  }

 private:
  const json& value_;
  std::string place_;
};

TapSpec read_tap(const Node& node) {
  TapSpec tap;
  tap.path = node.at("path").str();
  const Node dtype = node.at("dtype");
  const std::optional<DType> parsed = parse_dtype(dtype.str());
  if (!parsed) dtype.fail("unknown dtype '" + printable(dtype.str()) + "'");
  tap.dtype = *parsed;
  tap.axes = node.at("axes").strings();
  tap.inner = node.has("inner") && node.at("inner").boolean();
  return tap;
}

Op read_op(const Node& node) {
  Op op;
  op.name = node.at("name").str();
  const Node kind = node.at("kind");
  try {
    op.kind = parse_op_kind(kind.str());
  } catch (const InputError&) {
    kind.fail("unknown kind of op '" + printable(kind.str()) + "'");
  }
  const Node layer = node.at("layer");
  const int64_t number = layer.integer();
  layer.require(number >= -1 && number <= INT32_MAX, "-1 or a layer's number");
  op.layer = static_cast<int>(number);
  op.inputs = node.at("inputs").strings();
  op.parameters = node.at("parameters").strings();
  const Node attributes = node.at("attributes");
  attributes.require(attributes.value().is_object(), "an object");
  for (const auto& item : attributes.value().items()) {
    op.attributes[item.key()] = attributes.at(item.key()).attribute();
  }
  op.contract = node.at("contract").str();
  for (const Node& tap : node.at("outputs").list()) op.outputs.push_back(read_tap(tap));
  return op;
}

}  // namespace

std::string to_json(const OpGraph& graph) {
  ordered_json ops = ordered_json::array();
  for (const Op& op : graph.ops) ops.push_back(op_json(op));
  return ordered_json({{"inputs", graph.inputs}, {"ops", std::move(ops)}}).dump();
}

OpGraph op_graph_from_json(std::string_view text) {
  json parsed;
  try {
    parsed = parse_strict_json(text);
  } catch (const JsonProblem& problem) {
    throw InputError("the op graph's JSON cannot be used", {problem.what()}, "");
  }
  const Node top(parsed, "");
  OpGraph graph;
  graph.inputs = top.at("inputs").strings();
  graph.ops.clear();
  for (const Node& op : top.at("ops").list()) graph.ops.push_back(read_op(op));
  validate(graph);
  return graph;
}

}  // namespace plumbline
