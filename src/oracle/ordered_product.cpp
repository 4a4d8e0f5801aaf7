// SPDX-License-Identifier: Apache-2.0
#include "oracle/ordered_product.h"

#include <algorithm>
#include <cmath>

#include "oracle/running_sum.h"

namespace plumbline {
namespace {

double magnitude_of(const std::vector<double>& terms) {
  double sizes = 0.0;
  for (const double term : terms) sizes += std::fabs(term);
  return sizes;
}

RunningSum sum_of(SumOrder order, const std::vector<double>& a, const std::vector<double>& b,
                  const std::vector<double>& products, double given) {
  if (order == SumOrder::tensor_core) return tensor_core_sum(a, b, given);
  // Uncertain operands may have more bits than their values show.
  given += given > 0.0 ? kUnitF32 * (magnitude_of(products) + given) : product_roundings(a, b);
  return order == SumOrder::f32_tree ? lanes_sum(products, given) : chain_sum(products, given);
}

/// Uncertain operands may have more bits than their values show.
bool exact_products(const ProductOperands& operands, const ProductResult& result) {
  return result.exact_products && operands.a_bound == nullptr && operands.b_bound == nullptr;
}

/// What describes the typical error of that order, and its overflow.
Accumulator accumulator_of(const Contract& contract, const DeclaredOrder* order) {
  if (order == nullptr) return contract.accumulator;
  switch (order->order) {
    case SumOrder::f32_chain: return Accumulator::f32_chain;
    case SumOrder::f32_tree: return Accumulator::f32_tree;
    case SumOrder::tensor_core: return Accumulator::tensor_core;
    default: return Accumulator::any;
  }
}

}  // namespace

ProductElements::ProductElements(const OracleCall& call, const ProductOperands& operands, const ProductResult& result,
                                 bool biased)
    : operands_(operands),
      result_(result),
      order_(call.order != nullptr && call.order->order != SumOrder::online ? call.order : nullptr),
      summation_(accumulator_of(call.contract, order_), operands.a.columns,
                 (biased ? 1 : 0) + (exact_products(operands, result) ? 0 : 1)) {}

Uncertain ProductElements::operator()(size_t i, double bias) {
  return order_ != nullptr && !result_.sizes.empty() ? ordered(i, bias) : product_element(summation_, result_, i, bias);
}

void ProductElements::gather(size_t i) {
  const bool transposed = operands_.right == Right::transposed;
  const int64_t terms = operands_.a.columns, width = transposed ? operands_.b.rows : operands_.b.columns;
  const int64_t row = static_cast<int64_t>(i) / width, column = static_cast<int64_t>(i) % width;
  for (std::vector<double>* buffer : {&a_, &b_, &products_}) buffer->resize(static_cast<size_t>(terms));
  const double* a = operands_.a.data + row * terms;
  const double* b = operands_.b.data + (transposed ? column * terms : column);
  for (size_t k = 0; k < a_.size(); ++k, b += transposed ? 1 : width) {
    a_[k] = a[k];
    b_[k] = *b;
    products_[k] = a_[k] * b_[k];
  }
}

/// f32 sums of contiguous parts in any order, each rounded to bf16; their sum in f32 in any order.
Uncertain ProductElements::rounded_parts(double given) const {
  const Rounder bf16(DType::bf16);
  const auto parts = static_cast<size_t>(order_->parts);
  const size_t length = std::max<size_t>(1, (products_.size() + parts - 1) / parts);
  const Summation summation(Accumulator::any, static_cast<int64_t>(length), 1);
  Uncertain total;
  double sizes = 0.0;
  for (size_t first = 0; first < products_.size(); first += length) {
    double sum = 0.0, size = 0.0, subnormal = 0.0;
    for (size_t k = first; k < std::min(products_.size(), first + length); ++k) {
      sum += products_[k];
      size += std::fabs(products_[k]);
      if (std::min(std::fabs(a_[k]), std::fabs(b_[k])) < kNormalF32) subnormal += std::fabs(products_[k]);
    }
    Uncertain part = summation(sum, size + 2.0 * given, subnormal);
    part.error += given;
    part = round_stage(bf16, part);
    total.value += part.value;
    total.error += part.error;
    total.sigma = std::hypot(total.sigma, part.sigma);
    total.escapes |= part.escapes;
    sizes += std::fabs(part.value) + part.error;
  }
  total.error += static_cast<double>(parts) * kUnitF32 * sizes;
  total.sigma = std::hypot(total.sigma, 0.4 * kUnitF32 * sizes);
  return total;
}

Uncertain ProductElements::ordered(size_t i, double bias) {
  const double given = result_.inherited.empty() ? 0.0 : result_.inherited[i];
  if (!std::isfinite(result_.sums[i]) || !std::isfinite(given)) return product_element(summation_, result_, i, bias);
  gather(i);
  Uncertain v;
  if (order_->order == SumOrder::bf16_parts) {
    v = rounded_parts(given);
    v.value += bias;
    if (bias != 0.0) v.error += half_ulp_f32(std::fabs(v.value) + v.error);
  } else {
    RunningSum sum = sum_of(order_->order, a_, b_, products_, given);
    if (bias != 0.0) sum.add(bias);
    v = summation_(sum.sum, magnitude_of(products_) + std::fabs(bias) + given);
    v.error = sum.error;
    v.sigma = std::min(v.sigma, v.error);
  }
  if (!result_.inherited_sigma.empty()) v.sigma = std::hypot(v.sigma, result_.inherited_sigma[i]);
  return in_f32_range(v);
}

}  // namespace plumbline
