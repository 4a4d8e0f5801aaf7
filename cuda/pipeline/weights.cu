// SPDX-License-Identifier: Apache-2.0
// Invariant: weights.h.
#include "cuda/pipeline/weights.h"

#include <plumbline/error.h>

namespace plumbline::PLUMBLINE_BUILD_NS {

Weights::Weights(const OpGraph& graph, const Parameters& parameters) {
  for (const Op& op : graph.ops) {
    for (const std::string& name : op.parameters) {
      if (values_.contains(name)) continue;
      const auto found = parameters.find(name);
      if (found == parameters.end()) {
        throw BackendError("kernels: parameter '" + name + "' of op '" + op.name + "' is not in the model", {},
                           "check the checkpoint and the faults asked for");
      }
      const TensorView& tensor = found->second.view();
      if (tensor.dtype != DType::bf16) {
        throw BackendError("kernels: parameter '" + name + "' must be bf16",
                           {"it is " + std::string(dtype_name(tensor.dtype))},
                           "run this model with --backend torch or --backend oracle");
      }
      values_.emplace(name, DeviceValue::upload(name, tensor));
    }
  }
}

const DeviceValue& Weights::find(const Op& op, size_t index) const {
  if (index >= op.parameters.size()) {
    throw BackendError("kernels: op '" + op.name + "' lacks parameter " + std::to_string(index), {},
                       "its kind needs it: check the graph");
  }
  return values_.at(op.parameters[index]);
}

const Shape& Weights::shape(const Op& op, size_t index) const { return find(op, index).shape; }

const bf16* Weights::get(const Op& op, size_t index, const Shape& expected) const {
  const DeviceValue& value = find(op, index);
  if (value.shape == expected) return value.as<bf16>();
  throw BackendError("kernels: parameter '" + op.parameters[index] + "' of op '" + op.name + "' has the wrong shape",
                     {"expected  " + to_string(expected), "actual    " + to_string(value.shape)},
                     "check the checkpoint and the faults asked for");
}

const bf16* Weights::optional(const Op& op, size_t index, const Shape& expected) const {
  return index < op.parameters.size() ? get(op, index, expected) : nullptr;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
