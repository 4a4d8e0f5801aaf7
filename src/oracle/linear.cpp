// SPDX-License-Identifier: Apache-2.0
// linear: x W^T + b. Contract linear/f32acc: products and bias summed in f32 in any order, one rounding at the output;
// linear/f32out: the sum stays in f32; linear/tf32, linear/f16: as f32acc, of operands taken to that format. Products
// of two bf16 values are exact in f32; those of f32 activations (rmsnorm/f32 before it) may be rounded once.
#include "oracle/operands.h"
#include "oracle/ordered_product.h"

namespace plumbline {
namespace {

/// Copies of input and weight as the contract's product takes them, where it changes them.
struct Operand {
  bool changed = false;
  Array x, weight, bounds;
};

Operand taken_operands(const OracleCall& call) {
  Operand taken;
  if (call.has_bounds(0)) taken.bounds = call.in.input_bounds[0];
  taken.changed = changes_operands(call.contract);
  if (!taken.changed) return taken;
  Array exact;
  taken.x = call.input(0);
  taken.weight = call.parameter(0);
  take_operands(call.contract, taken.x, taken.bounds);
  take_operands(call.contract, taken.weight, exact);
  return taken;
}

/// The parts of a split sum before they are rounded; idle if nobody wants them.
class PartsTap {
 public:
  PartsTap(const OracleCall& call, Shape shape) {
    const TapSpec* spec = call.declares(SumOrder::bf16_parts) ? call.inner_tap(".parts") : nullptr;
    if (spec == nullptr) return;
    count_ = static_cast<size_t>(call.order->parts);
    shape.push_back(call.order->parts);
    tap_ = {call, *spec, DType::f32, std::move(shape)};
  }
  /// A split that does not come out even has fewer parts: the others are 0. No part is known of a sum that is not
  /// finite.
  void put(size_t element, const std::vector<Uncertain>& parts) {
    const Uncertain other{0.0, parts.empty() ? kInfinity : 0.0};
    for (size_t i = 0; i < count_; ++i) tap_.put(element * count_ + i, i < parts.size() ? parts[i] : other);
  }
  void take_into(std::vector<Evaluated>& all) {
    if (tap_.wanted()) all.push_back(tap_.take(false));
  }

 private:
  TapWriter tap_;
  size_t count_ = 0;
};

}  // namespace

std::vector<Evaluated> evaluate_linear(const OracleCall& call) {
  const Operand taken = taken_operands(call);
  const Array& x = taken.changed ? taken.x : call.input(0);
  const Array& weight = taken.changed ? taken.weight : call.parameter(0);
  if (weight.shape.size() != 2) call.misfit("the weight must be a matrix", weight.shape);
  const int64_t outputs = weight.shape[0], terms = weight.shape[1];
  if (x.shape.empty() || x.shape.back() != terms) call.misfit("the input's last axis must equal the weight's", x.shape);
  const bool biased = call.in.parameters.size() > 1;
  if (biased && call.parameter(1).shape != Shape{outputs}) call.misfit("bias", call.parameter(1).shape);

  const int64_t rows = terms == 0 ? 0 : element_count(x.shape) / terms;
  ProductOperands operands{{x.values.data(), rows, terms}, {weight.values.data(), outputs, terms}};
  if (call.has_bounds(0)) operands.a_bound = taken.bounds.values.data();
  const ProductResult result = product(operands, call.needs_errors(), call.options.threads);

  Shape shape = x.shape;
  shape.back() = outputs;
  PartsTap parts(call, shape);
  TapWriter out = result_writer(call, 0, std::move(shape));
  ProductElements elements(call, operands, result, biased);
  size_t i = 0;
  for (int64_t row = 0; row < rows; ++row) {
    for (size_t column = 0; column < static_cast<size_t>(outputs); ++column, ++i) {
      out.put(i, elements(i, biased ? call.parameter(1).values[column] : 0.0));
      parts.put(i, elements.parts());
    }
  }
  std::vector<Evaluated> all;
  all.push_back(out.take(false));
  parts.take_into(all);
  return all;
}

}  // namespace plumbline
