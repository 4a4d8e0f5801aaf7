// SPDX-License-Identifier: Apache-2.0
// What one op function gets and gives: inputs and parameters as LibTorch tensors in, results and inner values out.
// Invariant: a value handed out has exactly the format that the graph declares for it; nothing is converted silently.
#pragma once
#include <ATen/core/Tensor.h>

#include <string_view>
#include <vector>

#include <plumbline/op_graph.h>
#include <plumbline/tap.h>

namespace plumbline::torch_reference {

class OpCall {
 public:
  /// `past` is the op's own state between steps (kv_append's cache); undefined in the first step.
  OpCall(const Op& op, const Step& step, std::vector<at::Tensor> inputs, std::vector<at::Tensor> parameters,
         at::Tensor& past);

  const Op& op() const { return op_; }
  const Step& step() const { return step_; }
  at::Tensor& past() { return past_; }
  const at::Tensor& input(size_t index) const { return inputs_.at(index); }
  const at::Tensor& parameter(size_t index) const { return parameters_.at(index); }
  bool has_parameter(size_t index) const { return index < parameters_.size(); }

  /// The format that the graph declares for result `index`.
  at::ScalarType result_type(size_t index = 0) const;
  /// Sets result `index`. Throws BackendError if its format is not the declared one.
  void result(size_t index, at::Tensor value);
  /// Sets the inner tap whose path ends in `suffix` (".var", "_cos"), if the graph has it. Throws as result().
  void inner(std::string_view suffix, const at::Tensor& value);
  /// One tensor per output of the op, in its order. Throws BackendError if the op function left one out: a value that
  /// the op's contract never makes.
  const std::vector<at::Tensor>& outputs() const;

 private:
  void set(size_t index, at::Tensor value);

  const Op& op_;
  const Step& step_;
  std::vector<at::Tensor> inputs_, parameters_, outputs_;
  at::Tensor& past_;
};

}  // namespace plumbline::torch_reference
