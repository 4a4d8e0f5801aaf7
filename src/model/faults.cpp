// SPDX-License-Identifier: Apache-2.0
// The catalogue and apply_fault: parse "NAME[=VALUE][@SITE]", resolve, rewrite a copy, check that something changed.
#include <algorithm>

#include <plumbline/error.h>

#include "model/fault_tools.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr size_t kLongestName = 256;

const std::vector<Fault>& all_faults() {
  static const std::vector<Fault> kFaults = [] {
    std::vector<Fault> all;
    for (const auto& group : {norm_faults(), norm_weight_faults(), attention_faults(), weight_faults(), layout_faults(),
                              value_faults(), stream_faults(), wiring_faults(), kernel_faults()}) {
      all.insert(all.end(), group.begin(), group.end());
    }
    return all;
  }();
  return kFaults;
}

struct Spelling {
  std::string name, value, site;
  bool has_value = false, has_site = false;
};

Spelling split(std::string_view text) {
  Spelling spelling;
  const size_t at = text.find('@');
  spelling.has_site = at != std::string_view::npos;
  if (spelling.has_site) spelling.site = text.substr(at + 1);
  const std::string_view front = text.substr(0, at);
  const size_t equals = front.find('=');
  spelling.has_value = equals != std::string_view::npos;
  if (spelling.has_value) spelling.value = front.substr(equals + 1);
  spelling.name = front.substr(0, equals);
  return spelling;
}

const Fault& find_fault(const Spelling& spelling) {
  std::vector<std::string> names;
  for (const Fault& fault : all_faults()) {
    if (fault.info.name == spelling.name) return fault;
    names.push_back(fault.info.name);
  }
  std::string way_out = "'plumbline faults' lists them";
  if (spelling.name.size() <= kLongestName) {
    const std::vector<std::string> near = near_misses(spelling.name, names);
    if (!near.empty()) way_out = "did you mean '" + near.front() + "'? " + way_out;
  }
  throw UsageError("unknown fault '" + printable(spelling.name) + "'", {}, way_out);
}

bool same_parameters(const Model& before, const Model& after) {
  return std::ranges::equal(before.parameters, after.parameters, [](const auto& a, const auto& b) {
    const TensorView &x = a.second.view(), &y = b.second.view();
    return a.first == b.first && (x.data == y.data || digest(x) == digest(y));
  });
}

/// True if the two models compute the same numbers as far as graph, parameters and noted defects tell.
bool same_numbers(const Model& before, const Model& after) {
  return before.kernel_faults.size() == after.kernel_faults.size() && to_json(before.graph) == to_json(after.graph) &&
         same_parameters(before, after);
}

/// Plants the fault and says where it went. Leaves the model alone if it throws.
FaultSite plant(Model& model, std::string_view fault) {
  const Spelling spelling = split(fault);
  const Fault& found = find_fault(spelling);
  if (spelling.has_value && (found.info.value.empty() || spelling.value.empty())) {
    throw UsageError("cannot plant the fault '" + printable(fault) + "'",
                     {found.info.value.empty() ? "reason  it takes no value" : "reason  no value after '='"},
                     "write it without '='");
  }
  Model changed = model;
  FaultCall call{changed, std::string(fault), {}, spelling.value};
  call.site = resolve_site(model, found, call.spelling, spelling.has_site ? spelling.site : found.info.default_site);
  found.rewrite(call);
  if (same_numbers(model, changed)) changes_nothing(call, "weights and graph are the same with and without it");
  validate(changed.graph);
  changed.faults.emplace_back(fault);
  model = std::move(changed);
  return call.site;
}

}  // namespace

std::vector<FaultInfo> fault_catalogue() {
  std::vector<FaultInfo> catalogue;
  for (const Fault& fault : all_faults()) catalogue.push_back(fault.info);
  return catalogue;
}

FaultPlan plan_fault(const Model& model, std::string_view fault) {
  Model changed = model;
  const FaultSite site = plant(changed, fault);
  FaultPlan plan;
  for (const Op& op : model.graph.ops) {
    if (std::ranges::find(site.ops, op.name) != site.ops.end()) plan.ops.push_back(op.name);
  }
  plan.changes_parameters = !same_parameters(model, changed);
  return plan;
}

void apply_fault(Model& model, std::string_view fault) { plant(model, fault); }

}  // namespace plumbline
