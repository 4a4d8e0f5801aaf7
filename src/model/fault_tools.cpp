// SPDX-License-Identifier: Apache-2.0
#include "model/fault_tools.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include <plumbline/error.h>

#include "model/strict_json.h"

namespace plumbline {
namespace {

bool read_elsewhere(const Model& model, const Op& op, const std::string& parameter_name) {
  return std::any_of(model.graph.ops.begin(), model.graph.ops.end(), [&](const Op& other) {
    return &other != &op &&
           std::find(other.parameters.begin(), other.parameters.end(), parameter_name) != other.parameters.end();
  });
}

void erase_unused_parameters(Model& model) {
  std::set<std::string_view> used;
  for (const Op& op : model.graph.ops) used.insert(op.parameters.begin(), op.parameters.end());
  std::erase_if(model.parameters, [&](const auto& entry) { return !used.contains(entry.first); });
}

}  // namespace

Op& op_named(Model& model, std::string_view name) {
  const Op* found = model.graph.find(name);
  if (found == nullptr) throw Error("the graph has no op '" + std::string(name) + "'");
  return model.graph.ops[static_cast<size_t>(found - model.graph.ops.data())];
}

bool is_head(const Op& op) { return op.layer < 0 && op.kind == OpKind::linear; }

double positive_value(const FaultCall& call, double otherwise) {
  if (call.value.empty()) return otherwise;
  double number = 0.0;
  const char* end = call.value.data() + call.value.size();
  const auto parsed = std::from_chars(call.value.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || !std::isfinite(number) || number <= 0.0) {
    bad_value(call, "a number above 0, like 1e4");
  }
  return number;
}

int64_t whole_value(const FaultCall& call, int64_t otherwise, int64_t most) {
  const double number = positive_value(call, static_cast<double>(otherwise));
  if (number != std::floor(number) || number > static_cast<double>(most))
    bad_value(call, "a whole number from 1 to " + std::to_string(most));
  return static_cast<int64_t>(number);
}

void bad_value(const FaultCall& call, const std::string& expected) {
  throw UsageError("cannot plant the fault '" + printable(call.spelling) + "': its value cannot be used",
                   {"value     '" + printable(call.value) + "'", "expected  " + expected},
                   "leave '=' and value out for the default");
}

void changes_nothing(const FaultCall& call, const std::string& reason) {
  throw UsageError("the fault '" + printable(call.spelling) + "' would change nothing in this model",
                   {"site    " + call.site.name, "reason  " + reason}, "choose another site, value or fault");
}

const Tensor& parameter(const Model& model, const Op& op, size_t index) {
  return model.parameters.at(op.parameters.at(index));
}

void replace_parameter(Model& model, Op& op, size_t index, Tensor values) {
  std::string& name = op.parameters.at(index);
  if (read_elsewhere(model, op, name)) name = is_head(op) ? "lm_head.weight" : name + "@" + op.name;
  model.parameters[name] = std::move(values);
}

void change_parameter(Model& model, Op& op, size_t index,
                      const std::function<void(std::vector<double>&, const Shape&)>& change) {
  const TensorView& before = parameter(model, op, index).view();
  std::vector<double> values = to_values(before);
  change(values, before.shape);
  Tensor after = Tensor::from_values(before.dtype, before.shape, values);
  replace_parameter(model, op, index, std::move(after));
}

MatrixShape matrix_shape(const Shape& shape) {
  return {shape.size() < 2 ? 1 : shape.front(), shape.empty() ? 1 : shape.back()};
}

Fault linear_weight_fault(const char* name, const char* value, const char* part, const char* effect,
                          void (*rewrite)(FaultCall&)) {
  return {{name, value, std::string("layer.3.") + part, effect}, Reach::kinds, {part}, {OpKind::linear}, rewrite};
}

SplitMix64 random_of(const FaultCall& call) {
  return SplitMix64(
      fnv1a(call.spelling.substr(0, call.spelling.find_first_of("=@")) + " " + call.site.name + " " + call.value));
}

int64_t random_below(SplitMix64& random, int64_t most) {
  return static_cast<int64_t>(random.uniform() * static_cast<double>(most + 1));
}

Op& site_op(FaultCall& call) { return op_named(call.model, call.site.ops.front()); }

void exchange_parameters(Model& model, const std::string& first, const std::string& second) {
  Op &a = op_named(model, first), &b = op_named(model, second);
  Tensor of_a = parameter(model, a, 0), of_b = parameter(model, b, 0);
  replace_parameter(model, a, 0, std::move(of_b));
  replace_parameter(model, b, 0, std::move(of_a));
}

void remove_op(Model& model, const std::string& name, std::string instead) {
  const std::string removed = op_named(model, name).outputs.front().path;
  std::erase_if(model.graph.ops, [&](const Op& op) { return op.name == name; });
  for (Op& op : model.graph.ops) std::replace(op.inputs.begin(), op.inputs.end(), removed, instead);
  erase_unused_parameters(model);
}

}  // namespace plumbline
