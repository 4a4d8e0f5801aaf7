// SPDX-License-Identifier: Apache-2.0
#include "run/probe.h"

#include <algorithm>
#include <cstring>

#include <plumbline/error.h>

namespace plumbline::run {

bool Probe::swallows() const {
  if (terms() < 3) return true;  // no third term, no question
  // In no order does each of three terms join after the two others have met.
  const std::vector<bool> apart = ask({{0, 1, 2}, {1, 0, 2}, {2, 0, 1}});
  return !std::all_of(apart.begin(), apart.end(), [](bool answer) { return answer; });
}

void OneTap::record(const TapSpec& spec, const TensorView& values) {
  if (spec.path != path_) return;
  kept = Tensor(values.dtype, values.shape);
  std::memcpy(kept.mutable_data(), values.data, values.byte_size());
}

double large_term(DType dtype) { return dtype == DType::f16 ? 0x1p15 : 0x1p100; }
double unit_term(DType dtype) { return dtype == DType::f16 ? 0x1p-24 : 1.0; }

const std::string& inner_tap(const Op& op, std::string_view suffix) {
  for (const TapSpec& spec : op.outputs)
    if (spec.path.ends_with(suffix)) return spec.path;
  throw UsageError("plumbline order: op '" + op.name + "' has no tap of its sum",
                   {"wanted  one whose path ends in " + std::string(suffix)}, "name another op");
}

void add_table(Model& model, const std::string& name, int64_t width, const std::vector<double>& table) {
  const DType dtype = model.config.dtype;
  Op op;
  op.name = name;
  op.kind = OpKind::embedding;
  op.contract = "embedding/copy";
  op.inputs = {"tokens"};
  op.attributes = {{"scale", 1.0}};
  op.parameters = {name + ".table"};
  op.outputs = {{name, dtype, {"batch", "token", "channel"}, false}};
  model.parameters[name + ".table"] =
      Tensor::from_values(dtype, {static_cast<int64_t>(table.size()) / width, width}, table);
  model.graph.ops.push_back(std::move(op));
}

}  // namespace plumbline::run
