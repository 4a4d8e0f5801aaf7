// SPDX-License-Identifier: Apache-2.0
// Invariant: parting_bits.h.
#include "locate/parting_bits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "locate/op_walk.h"
#include "locate/order_fits.h"

namespace plumbline {
namespace {

constexpr std::string_view kSumsInF32 = "linear/f32acc";
constexpr int kMostOps = 4;  // whose sums tell one order

enum class Bits : uint8_t { equal, differ, unknown };

Bits bits_of(const Context& context, const std::string& path, const StepPair& pair) {
  const TapEntry* left = context.reference_trace.find(path, pair.reference_step);
  const TapEntry* right = context.candidate_trace.find(path, pair.candidate_step);
  if (left == nullptr || right == nullptr || left->dtype != right->dtype || left->shape != right->shape)
    return Bits::unknown;
  const Tensor a = context.reference_trace.read(*left), b = context.candidate_trace.read(*right);
  const bool same =
      a.byte_size() == b.byte_size() && (a.byte_size() == 0 || std::memcmp(a.data(), b.data(), a.byte_size()) == 0);
  return same ? Bits::equal : Bits::differ;
}

bool reads_equal_bits(const Context& context, const Op& op) {
  return std::ranges::all_of(context.alignment.pairs, [&](const StepPair& pair) {
    return std::ranges::all_of(op.inputs,
                               [&](const std::string& path) { return bits_of(context, path, pair) == Bits::equal; });
  });
}

/// The first tap of the op, inner ones too, that differs in some step; empty if none does.
std::string parted_tap(const Context& context, const Op& op) {
  for (const TapSpec& spec : op.outputs) {
    for (const StepPair& pair : context.alignment.pairs) {
      if (bits_of(context, spec.path, pair) == Bits::differ) return spec.path;
    }
  }
  return "";
}

std::string name_in_layer(const Op& op) {
  return op.layer < 0 ? op.name : op.name.substr(fmt::format("layer.{}.", op.layer).size());
}

OpOrders orders_of(const Context& context, SideId side, const Op& op) {
  if (op.kind == OpKind::rmsnorm) return norm_order_fits(context, side, op);
  OpParameters parameters;
  if (op.contract != kSumsInF32 || !load_parameters(op, context.model_of(side), parameters).empty()) return {};
  return order_fits(context, side, op, find_contract(kSumsInF32), parameters.values);
}

/// Of the op and of its like in the next layers, which one kernel computes; empty if their bits do not tell.
std::string order_of(const Context& context, SideId side, const Op& op) {
  OpOrders orders;
  int counted = 0;
  for (const Op& like : context.graph.ops) {
    if (like.layer < op.layer || like.kind != op.kind || name_in_layer(like) != name_in_layer(op)) continue;
    if (counted++ < kMostOps) add_orders(orders, orders_of(context, side, like));
  }
  const OrderFit* told = told_order(orders);
  return told != nullptr ? told->order : "";
}

std::string in_words(const std::string& order) { return order.empty() ? "not told by its bits" : order; }

std::string order_note(const Context& context, const Op& op) {
  const std::string_view terms = op.kind == OpKind::rmsnorm ? "squares" : "products";
  const std::string left = order_of(context, SideId::reference, op), right = order_of(context, SideId::candidate, op);
  if (left.empty() && right.empty()) return fmt::format("the bits of `{}` do not tell the order of its sums", op.name);
  if (left == right) return fmt::format("order in which `{}` adds its {} up: {} on both sides", op.name, terms, left);
  return fmt::format("order in which `{}` adds its {} up: {} in the reference, {} in the candidate", op.name, terms,
                     in_words(left), in_words(right));
}

}  // namespace

std::vector<std::string> parting_notes(const Context& context) {
  std::vector<std::string> notes;
  std::optional<int> last_layer;
  bool norm = false, linear = false;
  for (const Op& op : context.graph.ops) {
    if (last_layer && op.layer > *last_layer) break;
    if (!reads_equal_bits(context, op)) continue;
    const std::string tap = parted_tap(context, op);
    if (tap.empty()) continue;
    if (notes.empty())
      notes.push_back(fmt::format("bits part first at `{}`, of op `{}`: what that reads is equal", tap, op.name));
    if (!last_layer && op.layer >= 0) last_layer = op.layer + 1;
    bool& named = op.kind == OpKind::rmsnorm ? norm : linear;
    if ((op.kind != OpKind::rmsnorm && op.kind != OpKind::linear) || std::exchange(named, true)) continue;
    notes.push_back(order_note(context, op));
  }
  return notes;
}

}  // namespace plumbline
