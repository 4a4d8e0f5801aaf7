// SPDX-License-Identifier: Apache-2.0
#include "locate/order_fits.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>

#include "locate/judged_op.h"
#include "trial/sums.h"

namespace plumbline {
namespace {

using trial::Order;

struct Spelled {
  Order order;
  std::string_view words;
  bool swapped = false;  ///< the terms of each pair, as x86's instruction for pairs of bf16 takes them
};
constexpr Spelled kTried[] = {{Order::fused_chain, "one chain"},
                              {Order::fused_chain, "one chain, pairs swapped", true},
                              {Order::reversed, "one chain from the end"},
                              {Order::lanes, "32 lanes, then halving"},
                              {Order::blocked, "blocks of 64"},
                              {Order::pairwise, "pairwise"},
                              {Order::tensor_core, "tensor-core steps of 16"},
                              {Order::split_tensor_core, "4 parts in tensor-core steps of 16"}};
constexpr size_t kMostTried = 128;

/// The sums of one step: x [rows, terms], weight [columns, terms], exact and stored [rows, columns].
struct Product {
  Array x;
  const Array& weight;
  const Array* bias;
  std::vector<double> exact, stored;
  DType dtype;

  size_t terms() const { return static_cast<size_t>(weight.shape.back()); }
  size_t columns() const { return static_cast<size_t>(weight.shape.front()); }
};

std::vector<float> row_of(const Array& matrix, size_t row, size_t terms) {
  const auto first = matrix.values.begin() + static_cast<std::ptrdiff_t>(row * terms);
  return {first, first + static_cast<std::ptrdiff_t>(terms)};
}

std::vector<double> row_norms(const Array& matrix) {
  const auto width = static_cast<size_t>(matrix.shape.back());
  std::vector<double> norms(matrix.values.size() / width, 0.0);
  for (size_t i = 0; i < matrix.values.size(); ++i) norms[i / width] += matrix.values[i] * matrix.values[i];
  for (double& norm : norms) norm = std::sqrt(norm);
  return norms;
}

/// A result, and how far it is from where its rounding turns, over the size of the terms: the nearer, the more of the
/// order shows in its last bit.
struct Element {
  double distance;
  size_t step, at;
  bool operator<(const Element& other) const {
    return std::tie(distance, step, at) < std::tie(other.distance, other.step, other.at);
  }
};

void add_elements(const Product& product, size_t step, std::vector<Element>& elements) {
  const std::vector<double> x = row_norms(product.x), w = row_norms(product.weight);
  for (size_t i = 0; i < product.exact.size(); ++i) {
    const double value = product.exact[i], size = x[i / product.columns()] * w[i % product.columns()];
    if (!std::isfinite(value) || !(size > 0.0)) continue;
    const double away = 0.5 * ulp(product.dtype, value) - std::fabs(value - round_to(product.dtype, value));
    elements.push_back({std::fabs(away) / size, step, i});
  }
}

std::vector<float> with_pairs_swapped(std::vector<float> terms) {
  for (size_t i = 1; i < terms.size(); i += 2) std::swap(terms[i - 1], terms[i]);
  return terms;
}

bool same_value(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void try_element(const Product& product, size_t element, OpOrders& orders) {
  const size_t column = element % product.columns();
  const std::vector<float> x = row_of(product.x, element / product.columns(), product.terms()),
                           w = row_of(product.weight, column, product.terms());
  ++orders.tried;
  for (size_t i = 0; i < std::size(kTried); ++i) {
    float sum = kTried[i].swapped ? trial::dot_in_order(kTried[i].order, with_pairs_swapped(x), with_pairs_swapped(w))
                                  : trial::dot_in_order(kTried[i].order, x, w);
    if (product.bias != nullptr) sum += static_cast<float>(product.bias->values[column]);
    if (!same_value(round_to(product.dtype, static_cast<double>(sum)), product.stored[element]))
      ++orders.fits[i].unequal;
  }
}

/// Of every step that was recorded; empty if an input or result of one was not.
std::vector<Product> products_of(const Context& context, SideId side, const Op& op, const Contract& contract,
                                 const std::vector<Array>& parameters) {
  const Replay& replay = context.replay_of(side);
  std::vector<Product> products;
  for (const int64_t step : paired_steps(context.alignment, side)) {
    ReplayInputs given = replay.inputs(op, step);
    if (!given.why_not.empty() || !given.through.empty()) return {};
    const Tensor stored = replay.recorded(op.outputs.front().path, step);
    given.in.parameters = parameters;
    const std::vector<Evaluated> results =
        evaluate_judged(op, contract, given.in, context.model_of(side).config.dtype, false);
    products.push_back({std::move(given.in.inputs[0]), parameters[0], parameters.size() > 1 ? &parameters[1] : nullptr,
                        results[0].exact.values, to_values(stored.view()), stored.dtype()});
  }
  return products;
}

}  // namespace

OpOrders order_fits(const Context& context, SideId side, const Op& op, const Contract& contract,
                    const std::vector<Array>& parameters) {
  if (!context.pairing.has(op.outputs.front().path)) return {};
  const std::vector<Product> products = products_of(context, side, op, contract, parameters);
  std::vector<Element> elements;
  for (size_t i = 0; i < products.size(); ++i) add_elements(products[i], i, elements);
  const auto tried = static_cast<std::ptrdiff_t>(std::min(elements.size(), kMostTried));
  std::partial_sort(elements.begin(), elements.begin() + tried, elements.end());
  OpOrders orders;
  if (tried == 0) return orders;
  for (const Spelled& spelled : kTried) orders.fits.push_back({std::string(spelled.words), 0});
  for (std::ptrdiff_t i = 0; i < tried; ++i) {
    const Element& element = elements[static_cast<size_t>(i)];
    try_element(products[element.step], element.at, orders);
  }
  return orders;
}

void add_orders(OpOrders& sum, const OpOrders& orders) {
  if (orders.fits.empty()) return;
  if (sum.fits.empty()) {
    sum = orders;
    return;
  }
  sum.tried += orders.tried;
  for (size_t i = 0; i < orders.fits.size(); ++i) sum.fits[i].unequal += orders.fits[i].unequal;
}

const OrderFit* told_order(const OpOrders& orders) {
  if (orders.fits.empty()) return nullptr;
  std::vector<const OrderFit*> best;
  for (const OrderFit& fit : orders.fits) best.push_back(&fit);
  std::stable_sort(best.begin(), best.end(),
                   [](const OrderFit* a, const OrderFit* b) { return a->unequal < b->unequal; });
  const int64_t least = best[0]->unequal, next = best[1]->unequal;
  const bool told = least * 200 <= orders.tried && next >= least + 6 && next >= 3 * least;
  return told ? best[0] : nullptr;
}

}  // namespace plumbline
