// SPDX-License-Identifier: Apache-2.0
#include "report/contracts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

/// Ops of one name that the same contracts explain.
struct Group {
  std::string name, explained;
  std::vector<int> layers;
  double unequal = 0.0;  ///< the largest share under the first of the contracts
  std::string next;      ///< the nearest contract that does not explain them
  double next_unequal = 1.0;
};

std::string explaining(const OpContracts& op) {
  std::string names;
  for (const ContractFit& fit : op.fits)
    if (fit.explains) names += (names.empty() ? "" : ", ") + fit.contract;
  return names.empty() ? "none known" : names;
}

void add_to(Group& group, const OpContracts& op) {
  group.layers.push_back(op.layer);
  group.unequal = std::max(group.unequal, op.fits.front().unequal);
  const auto next = std::find_if(op.fits.begin(), op.fits.end(), [](const ContractFit& fit) { return !fit.explains; });
  if (next == op.fits.end() || !(next->unequal < group.next_unequal || group.next.empty())) return;
  group.next = next->contract;
  group.next_unequal = next->unequal;
}

std::vector<Group> groups_of(const TraceContracts& contracts) {
  std::vector<Group> groups;
  for (const OpContracts& op : contracts.ops) {
    if (op.fits.empty()) continue;
    const std::string name = local_name(op.op, op.layer), explained = explaining(op);
    auto group = std::find_if(groups.begin(), groups.end(),
                              [&](const Group& g) { return g.name == name && g.explained == explained; });
    if (group == groups.end()) group = groups.insert(groups.end(), Group{name, explained, {}, 0.0, "", 1.0});
    add_to(*group, op);
  }
  return groups;
}

std::string layers_text(const Group& group, size_t of_name) {
  if (group.layers.size() == of_name) return group.layers.size() == 1 && group.layers[0] < 0 ? "" : "all layers";
  std::string text = "layer ";
  const size_t shown = std::min<size_t>(group.layers.size(), 6);
  for (size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ",") + std::to_string(group.layers[i]);
  return shown < group.layers.size() ? fmt::format("{} and {} more", text, group.layers.size() - shown) : text;
}

std::string group_text(const Group& group, size_t of_name) {
  const std::string next =
      group.next.empty() ? "" : fmt::format("  next {}: {}", group.next, short_number(group.next_unequal));
  return fmt::format("  {:20} {:12} {:28} {:>8}{}\n", escaped(group.name), layers_text(group, of_name), group.explained,
                     short_number(group.unequal), next);
}

/// The ops of that kind and of one name over all layers, which one kernel computes; in order of first execution.
std::vector<std::pair<std::string, OpOrders>> orders_by_name(const TraceContracts& contracts, OpKind kind) {
  std::vector<std::pair<std::string, OpOrders>> all;
  for (const OpContracts& op : contracts.ops) {
    if (op.orders.fits.empty() || op.kind != op_kind_name(kind)) continue;
    const std::string name = local_name(op.op, op.layer);
    auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == name; });
    if (found == all.end()) found = all.insert(all.end(), {name, {}});
    add_orders(found->second, op.orders);
  }
  return all;
}

std::string order_text(const std::string& name, const OpOrders& orders) {
  std::vector<OrderFit> fits = orders.fits;
  std::stable_sort(fits.begin(), fits.end(),
                   [](const OrderFit& a, const OrderFit& b) { return a.unequal < b.unequal; });
  const std::string_view not_told =
      fits[0].unequal * 200 > orders.tried ? "none that is known; the nearest, " : "not told apart: ";
  return fmt::format("  {:20} {}{}: {} of {} bits unequal; next {}: {}\n", escaped(name),
                     told_order(orders) != nullptr ? "" : not_told, fits[0].order, fits[0].unequal, orders.tried,
                     fits[1].order, fits[1].unequal);
}

std::string orders_text(const TraceContracts& contracts, OpKind kind, std::string_view title) {
  std::string lines;
  OpOrders all;
  const auto by_name = orders_by_name(contracts, kind);
  for (const auto& [name, orders] : by_name) {
    lines += order_text(name, orders);
    add_orders(all, orders);
  }
  if (by_name.size() > 1) lines += order_text("all of these", all);
  return lines.empty() ? "" : fmt::format("\n  order of the sums, by {}:\n{}", title, lines);
}

Json orders_json(const OpOrders& orders) {
  Json unequal = Json::object();
  for (const OrderFit& fit : orders.fits) unequal[fit.order] = fit.unequal;
  return {{"tried", orders.tried}, {"unequal", unequal}};
}

}  // namespace

std::string contracts_text(const TraceContracts& contracts) {
  std::string out =
      fmt::format("{} ({}): of {} ops {} judged, {} explained by a known rounding contract\n", escaped(contracts.file),
                  escaped(contracts.backend), contracts.ops.size(), contracts.judged(), contracts.explained());
  out += fmt::format("\n  {:20} {:12} {:28} {:>8}\n", "op", "where", "explained by", "unequal");
  const std::vector<Group> groups = groups_of(contracts);
  std::map<std::string, size_t> of_name;
  for (const Group& group : groups) of_name[group.name] += group.layers.size();
  for (const Group& group : groups) out += group_text(group, of_name[group.name]);
  out += "\n  unequal: the largest share of stored bits unlike the replay's under that contract\n";
  out += orders_text(contracts, OpKind::linear, "the 128 results of each linear op that tell most");
  out += orders_text(contracts, OpKind::rmsnorm, "the mean squares of each norm");
  for (const OpContracts& op : contracts.ops)
    if (op.fits.empty()) out += fmt::format("  not judged: {}: {}\n", escaped(op.op), escaped(op.reason));
  return out;
}

std::string contracts_json(const TraceContracts& contracts) {
  Json ops = Json::array();
  for (const OpContracts& op : contracts.ops) {
    Json fits = Json::array();
    for (const ContractFit& fit : op.fits)
      fits.push_back({{"contract", fit.contract},
                      {"explains", fit.explains},
                      {"unequal", fit.unequal},
                      {"expected", fit.expected}});
    ops.push_back({{"op", op.op},
                   {"kind", op.kind},
                   {"layer", op.layer},
                   {"declared", op.declared},
                   {"fits", fits},
                   {"reason", op.reason},
                   {"orders", orders_json(op.orders)}});
  }
  const Json out = {{"schema", {{"name", "plumbline-contracts"}, {"version", "1.0"}}},
                    {"trace", contracts.file},
                    {"backend", contracts.backend},
                    {"architecture", contracts.architecture},
                    {"model", contracts.model},
                    {"judged", contracts.judged()},
                    {"explained", contracts.explained()},
                    {"ops", ops}};
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plumbline
