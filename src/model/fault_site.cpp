// SPDX-License-Identifier: Apache-2.0
// "layer.3" or "layer.3.attn.o_proj" -> the ops that a fault rewrites.
#include <algorithm>
#include <charconv>
#include <optional>

#include <plumbline/error.h>

#include "model/fault.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr size_t kLongestSite = 256;

/// N of exactly "layer.N"; any other text gives nothing.
std::optional<int> layer_number(const std::string& site) {
  const std::string prefix = "layer.";
  if (!site.starts_with(prefix)) return std::nullopt;
  const char* begin = site.data() + prefix.size();
  const char* end = site.data() + site.size();
  int number = 0;
  const auto parsed = std::from_chars(begin, end, number);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == end && number >= 0;
  return whole && site == prefix + std::to_string(number) ? std::optional(number) : std::nullopt;
}

bool is_part(const Fault& fault, const Op& op) {
  return std::any_of(fault.parts.begin(), fault.parts.end(), [&](const std::string& part) {
    return op.layer >= 0 && op.name == "layer." + std::to_string(op.layer) + "." + part;
  });
}

/// Where the logits are capped, the head is the op before: "logits" stands for it.
std::string place_of(const Model& model, const Fault& fault, const std::string& site) {
  const bool of_head =
      fault.reach == Reach::fixed || std::ranges::find(fault.kinds, OpKind::linear) != fault.kinds.end();
  return site == "logits" && of_head && model.graph.find("logits_raw") != nullptr ? "logits_raw" : site;
}

bool may_go_to(const Model& model, const Fault& fault, const Op& op) {
  switch (fault.reach) {
    case Reach::fixed: return op.name == place_of(model, fault, fault.info.default_site);
    case Reach::layers: return false;
    case Reach::parts: return is_part(fault, op);
    case Reach::kinds: return std::find(fault.kinds.begin(), fault.kinds.end(), op.kind) != fault.kinds.end();
  }
  return false;
}

/// Every text that resolve_site takes for this fault in this model.
std::vector<std::string> possible_sites(const Model& model, const Fault& fault) {
  std::vector<std::string> sites;
  for (int64_t layer = 0; layer < model.config.layers; ++layer) {
    const std::string name = "layer." + std::to_string(layer);
    const auto stands_there = [&](const std::string& part) { return model.graph.find(name + "." + part) != nullptr; };
    if (!fault.parts.empty() && std::ranges::all_of(fault.parts, stands_there)) sites.push_back(name);
  }
  for (const Op& op : model.graph.ops) {
    if (may_go_to(model, fault, op)) sites.push_back(op.name);
  }
  return sites;
}

/// The family has no such op in any layer: no spelling of a site can help but one of another op.
[[noreturn]] void refuse_family(const Model& model, const Fault& fault, const std::string& spelling,
                                const std::string& op) {
  const std::vector<std::string> sites = possible_sites(model, fault);
  throw UsageError("the fault '" + printable(spelling) + "' does not apply to this model",
                   {"op      " + op, "reason  " + model.config.architecture + " has no such op"},
                   sites.empty() ? "choose another fault: 'plumbline faults' lists them"
                                 : "give a place of this model, like '@" + sites.front() + "'");
}

/// "layer.3.attn.k_norm" of a layer that the model has and of a part that the fault is made for.
bool names_part(const Model& model, const Fault& fault, const std::string& site) {
  return std::ranges::any_of(fault.parts, [&](const std::string& part) {
    if (!site.ends_with("." + part)) return false;
    const std::optional<int> layer = layer_number(site.substr(0, site.size() - part.size() - 1));
    return layer && *layer < model.config.layers;
  });
}

bool family_has(const Model& model, const std::string& op) { return build_graph(model.config).find(op) != nullptr; }

FaultSite resolve_layer(const Model& model, const Fault& fault, const std::string& spelling, int layer) {
  FaultSite site{"layer." + std::to_string(layer), layer, {}};
  for (const std::string& part : fault.parts) {
    const std::string name = site.name + "." + part;
    if (model.graph.find(name) == nullptr) {
      if (!family_has(model, name)) refuse_family(model, fault, spelling, name);
      throw UsageError("cannot plant the fault '" + printable(spelling) + "'",
                       {"op     " + name, "reason an earlier fault removed it"}, "leave one of the two faults out");
    }
    site.ops.push_back(name);
  }
  return site;
}

[[noreturn]] void refuse(const Model& model, const Fault& fault, const std::string& spelling, const std::string& site) {
  const std::vector<std::string> sites = possible_sites(model, fault);
  std::vector<std::string> details = {"site    '" + printable(site) + "'"};
  if (!fault.parts.empty()) {
    details.push_back("layers  layer.0 to layer." + std::to_string(model.config.layers - 1));
  }
  std::string way_out = "give a place of this model after '@'";
  if (site.size() <= kLongestSite) {
    const std::vector<std::string> near = near_misses(site, sites);
    if (!near.empty()) way_out = "did you mean '@" + near.front() + "'?";
  }
  throw UsageError("cannot plant the fault '" + printable(spelling) + "': it cannot go there", details, way_out);
}

}  // namespace

FaultSite resolve_site(const Model& model, const Fault& fault, const std::string& spelling, const std::string& given) {
  const std::string site = place_of(model, fault, given);
  const std::optional<int> layer = layer_number(site);
  if (layer && *layer < model.config.layers && !fault.parts.empty()) {
    return resolve_layer(model, fault, spelling, *layer);
  }
  const Op* op = model.graph.find(site);
  if (op == nullptr && names_part(model, fault, site) && !family_has(model, site)) {
    refuse_family(model, fault, spelling, site);
  }
  if (op == nullptr || !may_go_to(model, fault, *op)) refuse(model, fault, spelling, site);
  return {site, op->layer, {site}};
}

}  // namespace plumbline
