// SPDX-License-Identifier: Apache-2.0
#include "oracle/ordered_product.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "oracle/running_sum.h"

namespace plumbline {
namespace {

using Terms = std::span<const double>;

double magnitude_of(Terms terms) {
  double sizes = 0.0;
  for (const double term : terms) sizes += std::fabs(term);
  return sizes;
}

double root_of_squares(Terms terms) {
  double squares = 0.0;
  for (const double term : terms) squares += term * term;
  return std::sqrt(squares);
}

RunningSum sum_of(SumOrder order, Terms a, Terms b, Terms products, double given) {
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
Accumulator accumulator_of(SumOrder order) {
  switch (order) {
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
      summation_(order_ == nullptr ? call.contract.accumulator : accumulator_of(order_->order), operands.a.columns,
                 (biased ? 1 : 0) + (exact_products(operands, result) ? 0 : 1)) {}

Uncertain ProductElements::operator()(size_t i, double bias) {
  parts_.clear();
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

/// One part before it is rounded.
Uncertain ProductElements::part(size_t first, size_t count, double given) const {
  const Terms a = Terms(a_).subspan(first, count), b = Terms(b_).subspan(first, count),
              products = Terms(products_).subspan(first, count);
  const double size = magnitude_of(products) + 2.0 * given;
  const Accumulator accumulator = order_->within ? accumulator_of(*order_->within) : Accumulator::any;
  const Summation summation(accumulator, static_cast<int64_t>(count), 1);
  if (order_->within) {
    const RunningSum sum = sum_of(*order_->within, a, b, products, given);
    Uncertain part = summation(sum.sum, size);
    part.error = sum.error;
    part.sigma = std::min(part.sigma, part.error);
    return part;
  }
  double sum = 0.0, subnormal = 0.0;
  for (size_t k = 0; k < count; ++k) {
    sum += products[k];
    if (std::min(std::fabs(a[k]), std::fabs(b[k])) < kNormalF32) subnormal += std::fabs(products[k]);
  }
  Uncertain part = summation(sum, size, subnormal);
  part.error += given;
  return part;
}

/// f32 sums of contiguous parts, each rounded to bf16; their sum in f32 in any order. That is exact as long as every
/// partial sum is a multiple of the finest part's last place and has no more than f32's 24 bits above it; otherwise
/// each addition loses half a place of the largest partial sum, which terms of one sign make.
Uncertain ProductElements::rounded_parts(double given) {
  const Rounder bf16(DType::bf16);
  const auto parts = static_cast<size_t>(order_->parts);
  const size_t length = std::max<size_t>(1, (products_.size() + parts - 1) / parts);
  Uncertain total;
  double sizes = 0.0, finest = kInfinity;
  for (size_t first = 0; first < products_.size(); first += length) {
    parts_.push_back(part(first, std::min(length, products_.size() - first), given));
    const Uncertain held = round_stage(bf16, parts_.back());
    const double size = std::fabs(held.value);
    total.value += held.value;
    total.error += held.error;
    total.sigma = std::hypot(total.sigma, held.sigma);
    total.escapes |= held.escapes;
    sizes += size + held.error;
    if (size + held.error > 0.0) finest = std::min(finest, bf16.spacing(std::max(size - held.error, 0.0)));
  }
  if (parts_.size() < 2 || sizes < 0x1p24 * finest) return total;
  const auto additions = static_cast<double>(parts_.size() - 1);
  const double largest = 0.5 * (sizes + std::fabs(total.value) + total.error) * (1.0 + additions * kUnitF32);
  const double lost = additions * half_ulp_f32(largest);
  total.error += lost;
  total.sigma = std::hypot(total.sigma, 0.4 * lost);
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
    const double lost = bias == 0.0 ? 0.0 : half_ulp_f32(std::fabs(v.value) + v.error);
    v.error += lost;
    v.sigma = std::hypot(v.sigma, 0.58 * lost);  // evenly spread
  } else {
    RunningSum sum = sum_of(order_->order, a_, b_, products_, given);
    if (bias != 0.0) sum.add(bias);
    v = summation_(sum.sum, magnitude_of(products_) + std::fabs(bias) + given);
    v.error = sum.error;
    // Partial sums of terms of random sign grow as their squares do, which a few large ones make.
    v.sigma =
        std::min(expected_accumulation_error(accumulator_of(order_->order), static_cast<int64_t>(a_.size()), v.value,
                                             root_of_squares(products_) * std::sqrt(static_cast<double>(a_.size()))),
                 v.error);
  }
  if (!result_.inherited_sigma.empty()) v.sigma = std::hypot(v.sigma, result_.inherited_sigma[i]);
  return in_f32_range(v);
}

}  // namespace plumbline
