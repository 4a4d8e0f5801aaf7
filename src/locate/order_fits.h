// SPDX-License-Identifier: Apache-2.0
// In which order a linear op added up its products, or a norm its squares: what was recorded against f32 sums in every
// order that is usual.
// Invariant: only what was recorded is used, and the same elements are tried in every order.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "locate/context.h"

namespace plumbline {

struct OrderFit {
  std::string order;    ///< in words
  int64_t unequal = 0;  ///< of the tried results, stored bits unlike those of a sum in this order
};

struct OpOrders {
  int64_t tried = 0;  ///< results: of each linear op the 128 nearest to where their rounding turns; of a norm its rows
  std::vector<OrderFit> fits;  ///< one per order, always in the same order; empty: not tried
};

/// Orders of one side's `op`, which must be of kind linear and sum in f32 as `contract` says; `parameters`: its
/// weight and, if it adds one at last, its bias. Nothing is tried where an input or the result was not recorded.
OpOrders order_fits(const Context& context, SideId side, const Op& op, const Contract& contract,
                    const std::vector<Array>& parameters);

/// Orders of one side's norm `op` by its mean squares (tap ".var", f32), up to 128 of them. Nothing is tried where
/// those or its input were not recorded.
OpOrders norm_order_fits(const Context& context, SideId side, const Op& op);

/// Counts those of another op, tried in the same orders, along.
void add_orders(OpOrders& sum, const OpOrders& orders);

/// The one order that explains: it leaves no more than 1 in 200 unequal, and the next at least 6 more and three times
/// as many. Nullptr if the bits do not tell.
const OrderFit* told_order(const OpOrders& orders);

}  // namespace plumbline
