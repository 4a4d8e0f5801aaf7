// SPDX-License-Identifier: Apache-2.0
// Bookkeeping of one op's values against the outputs that the graph declares.
#include "reference/op_call.h"

#include <utility>

#include "reference/convert.h"

#include <plumbline/error.h>

namespace plumbline::torch_reference {

OpCall::OpCall(const Op& op, const Step& step, std::vector<at::Tensor> inputs, std::vector<at::Tensor> parameters,
               at::Tensor& past)
    : op_(op),
      step_(step),
      inputs_(std::move(inputs)),
      parameters_(std::move(parameters)),
      outputs_(op.outputs.size()),
      past_(past) {}

at::ScalarType OpCall::result_type(size_t index) const { return scalar_type(op_.outputs.at(index).dtype); }

void OpCall::result(size_t index, at::Tensor value) { set(index, std::move(value)); }

void OpCall::inner(std::string_view suffix, const at::Tensor& value) {
  for (size_t i = 0; i < op_.outputs.size(); ++i)
    if (op_.outputs[i].inner && op_.outputs[i].path.ends_with(suffix)) set(i, value);
}

const std::vector<at::Tensor>& OpCall::outputs() const {
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (!outputs_[i].defined())
      throw BackendError("backend torch: op '" + op_.name + "' has no value for tap '" + op_.outputs[i].path + "'",
                         {"contract  " + op_.contract}, "the graph must not declare it under this contract");
  return outputs_;
}

void OpCall::set(size_t index, at::Tensor value) {
  const TapSpec& spec = op_.outputs.at(index);
  const DType actual = dtype_of(value.scalar_type());
  if (actual != spec.dtype)
    throw BackendError("backend torch: op '" + op_.name + "' gives tap '" + spec.path + "' in another format",
                       {"declared  " + std::string(dtype_name(spec.dtype)),
                        "computed  " + std::string(dtype_name(actual)) + " under " + op_.contract},
                       "formats of inputs and outputs of this op do not fit in the graph");
  outputs_[index] = std::move(value);
}

}  // namespace plumbline::torch_reference
