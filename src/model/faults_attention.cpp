// SPDX-License-Identifier: Apache-2.0
// Faults of the attention: rotation, head mapping, mask, scale, order of packed projections.
#include <cmath>

#include <plumbline/error.h>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

/// The table that an op reads: layers with a window may have another than the rest.
const Op& table_of(FaultCall& call, const std::string& rope) {
  const Op* const table = call.model.graph.producer(op_named(call.model, rope).inputs.at(1));
  if (table == nullptr) throw Error("op '" + rope + "' reads no table");
  return *table;
}

/// A table of the layer's own, ahead of the layer's first op; its rope ops read it.
Op& own_rope_table(FaultCall& call) {
  const std::string prefix = call.site.name + ".";
  const std::string name = prefix + "rope.table";
  std::vector<Op>& ops = call.model.graph.ops;
  if (call.model.graph.find(name) == nullptr) {
    Op table = table_of(call, call.site.ops.front());
    table.name = name;
    table.layer = call.site.layer;
    for (TapSpec& tap : table.outputs) tap.path = prefix + "rope" + tap.path.substr(tap.path.find('.'));
    for (const std::string& rope : call.site.ops) {
      Op& op = op_named(call.model, rope);
      op.inputs.at(1) = table.outputs.at(0).path;
      op.inputs.at(2) = table.outputs.at(1).path;
    }
    auto first = ops.begin();
    while (first->layer != call.site.layer) ++first;
    ops.insert(first, std::move(table));
  }
  return op_named(call.model, name);
}

void rope_theta(FaultCall& call) {
  const double theta = positive_value(call, 1e4);
  const bool in_layer = call.site.layer >= 0 && call.site.ops.size() > 1;
  Op& table = in_layer ? own_rope_table(call) : op_named(call.model, call.site.ops.front());
  if (number(table, "theta") == theta) changes_nothing(call, "the table has this theta already");
  table.attributes["theta"] = theta;
}

void rope_scaling_ignored(FaultCall& call) {
  Op& table = op_named(call.model, call.site.ops.front());
  if (!rope_scaling(table)) changes_nothing(call, "the model has no rope scaling");
  clear_rope_scaling(table);
}

void scaling_factor(FaultCall& call) {
  Op& table = site_op(call);
  std::optional<RopeScaling> scaling = rope_scaling(table);
  if (!scaling) changes_nothing(call, "the model has no rope scaling");
  if (scaling->kind == RopeScaling::Kind::longrope) changes_nothing(call, "longrope has a factor for each pair");
  const double factor = positive_value(call, 4.0);
  if (factor == scaling->factor) changes_nothing(call, "the scaling has this factor already");
  scaling->factor = factor;
  set_rope_scaling(table, *scaling);
}

RopeScaling longrope_of(FaultCall& call) {
  const std::optional<RopeScaling> scaling = rope_scaling(site_op(call));
  if (!scaling || scaling->kind != RopeScaling::Kind::longrope) changes_nothing(call, "the model has no longrope");
  return *scaling;
}

void factors_exchanged(FaultCall& call) {
  RopeScaling scaling = longrope_of(call);
  std::swap(scaling.short_factors, scaling.long_factors);
  set_rope_scaling(site_op(call), scaling);
}

void attention_factor_lost(FaultCall& call) {
  RopeScaling scaling = longrope_of(call);
  if (scaling.attention_factor == 1.0) changes_nothing(call, "the attention factor is one");
  scaling.attention_factor = 1.0;
  set_rope_scaling(site_op(call), scaling);
}

/// A table of the layer's own, as wide as a head.
void partial_ignored(FaultCall& call) {
  const ModelConfig& config = call.model.config;
  if (config.rotary_dim == 0) changes_nothing(call, "all channels of a head are rotated");
  Op& table = own_rope_table(call);
  clear_rope_scaling(table);
  table.attributes["head_dim"] = config.head_dim;
}

void rope_interleaved(FaultCall& call) {
  if (call.model.config.head_dim <= 2) changes_nothing(call, "with two channels a head both pairings are the same");
  for (const std::string& name : call.site.ops) {
    op_named(call.model, name).attributes["pairing"] = std::string("interleaved");
  }
}

void rope_halves(FaultCall& call) {
  if (call.model.config.head_dim <= 2) changes_nothing(call, "with two channels a head both pairings are the same");
  for (const std::string& name : call.site.ops) {
    op_named(call.model, name).attributes["pairing"] = std::string("half");
  }
}

/// A table of the layer's own in the model's format, and the rotation's contract in that.
void rope_narrow(FaultCall& call) {
  if (op_named(call.model, call.site.ops.front()).contract == "rope/neox-t")
    changes_nothing(call, "the rotation is in the model's format already");
  const DType dtype = call.model.config.dtype;
  Op& table = own_rope_table(call);
  table.contract = "rope-table/f32";
  for (TapSpec& tap : table.outputs) {
    if (!tap.inner) tap.dtype = dtype;
  }
  for (const std::string& name : call.site.ops) {
    Op& rope = op_named(call.model, name);
    rope.contract = "rope/neox-t";
    for (TapSpec& tap : rope.outputs) tap.dtype = dtype;
  }
}

void gqa_map(FaultCall& call) {
  if (!call.value.empty() && call.value != "modulo") bad_value(call, "modulo");
  const ModelConfig& config = call.model.config;
  if (config.kv_heads == 1) changes_nothing(call, "there is one key-value head for all query heads");
  if (config.kv_heads == config.heads) changes_nothing(call, "every query head has its own key-value head");
  for (const std::string& name : call.site.ops) {
    op_named(call.model, name).attributes["kv_map"] = std::string("modulo");
  }
}

void mask_off_by_one(FaultCall& call) { op_named(call.model, call.site.ops.front()).attributes["offset"] = int64_t{1}; }

/// No position is so large: every key may be seen.
void mask_missing(FaultCall& call) { site_op(call).attributes["offset"] = call.model.config.max_positions; }

void latest_lost(FaultCall& call) {
  site_op(call).attributes["offset"] = -whole_value(call, 1, call.model.config.max_positions);
}

/// The window of the site's mask.
int64_t declared_window(FaultCall& call) {
  const std::optional<int64_t> window = mask_window(site_op(call));
  if (!window) changes_nothing(call, "this layer has no sliding window");
  return *window;
}

void window_off_by_one(FaultCall& call) { site_op(call).attributes["window"] = declared_window(call) + 1; }

void window_ignored(FaultCall& call) {
  declared_window(call);
  site_op(call).attributes.erase("window");
}

void temperature(FaultCall& call) {
  Op& scale = site_op(call);
  const double by = positive_value(call, 2.0);
  if (by == 1.0) changes_nothing(call, "a temperature of one");
  scale.attributes["factor"] = number(scale, "factor") / by;
}

void scale_doubled(FaultCall& call) {
  Op& scale = site_op(call);
  const double factor = number(scale, "factor");
  if (factor == 1.0) changes_nothing(call, "the factor is one");
  scale.attributes["factor"] = factor * factor;
}

void head_dim_derived(FaultCall& call) {
  const ModelConfig& config = call.model.config;
  const double derived = static_cast<double>(config.hidden) / static_cast<double>(config.heads);
  if (derived == static_cast<double>(config.head_dim)) changes_nothing(call, "its heads have hidden / heads channels");
  site_op(call).attributes["factor"] = std::pow(derived, -0.5);
}

void scale_missing(FaultCall& call) {
  Op& scale = op_named(call.model, call.site.ops.front());
  if (number(scale, "factor") == 1.0) changes_nothing(call, "the factor is one already");
  scale.attributes["factor"] = 1.0;
}

void cap_dropped(FaultCall& call) {
  const std::string name = call.site.ops.front();
  const Op cap = op_named(call.model, name);
  remove_op(call.model, name, cap.inputs.front());
  if (cap.layer >= 0) return;
  // The logits keep their name: they are what the head makes.
  Op* const head = &call.model.graph.ops.back();
  head->name = head->outputs.front().path = name;
}

void other_cap(FaultCall& call) {
  Op& cap = site_op(call);
  const double value = positive_value(call, 30.0);
  if (value == number(cap, "cap")) changes_nothing(call, "the cap has this value already");
  cap.attributes["cap"] = value;
}

void k_v_swapped(FaultCall& call) { exchange_parameters(call.model, call.site.ops.at(0), call.site.ops.at(1)); }

}  // namespace

std::vector<Fault> attention_faults() {
  return {
      {{"rope.theta", "number (default 1e4)", "rope.table",
        "The rotation's angles come from another base: of the whole model, or of one layer by a table of its own."},
       Reach::kinds,
       {"attn.q_rope", "attn.k_rope"},
       {OpKind::rope_table},
       rope_theta},
      {{"rope.scaling_ignored", "", "rope.table",
        "The rotation's angles are those of a model without rope scaling: short prompts hardly show it."},
       Reach::kinds,
       {},
       {OpKind::rope_table},
       rope_scaling_ignored},
      {{"rope.scaling_factor", "factor (default 4)", "rope.table",
        "The rope scaling slows long wavelengths by another factor than the config's."},
       Reach::kinds,
       {},
       {OpKind::rope_table},
       scaling_factor},
      {{"rope.factors_exchanged", "", "rope.table",
        "longrope's factors of long sequences serve short ones, and the other way round."},
       Reach::kinds,
       {},
       {OpKind::rope_table},
       factors_exchanged},
      {{"rope.attention_factor_lost", "", "rope.table",
        "Cosines and sines are not multiplied by longrope's attention factor."},
       Reach::kinds,
       {},
       {OpKind::rope_table},
       attention_factor_lost},
      {{"rope.partial_ignored", "", "layer.3",
        "All channels of a head are rotated, by a table of that width, where the family rotates the first ones."},
       Reach::layers,
       {"attn.q_rope", "attn.k_rope"},
       {},
       partial_ignored},
      {{"rope.interleaved", "", "layer.3",
        "The rotation pairs neighbouring channels (2i, 2i+1) instead of halves (i, i + head_dim/2)."},
       Reach::parts,
       {"attn.q_rope", "attn.k_rope"},
       {},
       rope_interleaved},
      {{"rope.halves", "", "layer.3",
        "The rotation pairs halves (i, i + head_dim/2) where the family pairs neighbouring channels (2i, 2i+1)."},
       Reach::parts,
       {"attn.q_rope", "attn.k_rope"},
       {},
       rope_halves},
      {{"rope.narrow", "", "layer.3",
        "The rotation and its table are in the model's format where the family rotates in f32."},
       Reach::layers,
       {"attn.q_rope", "attn.k_rope"},
       {},
       rope_narrow},
      {{"gqa.map", "modulo (default)", "layer.3", "Query head h uses key-value head h mod KV instead of h / (H/KV)."},
       Reach::parts,
       {"attn.scores_raw", "attn.ctx"},
       {},
       gqa_map},
      {{"mask.off_by_one", "", "layer.3", "Every token sees one key of its future."},
       Reach::parts,
       {"attn.scores_masked"},
       {},
       mask_off_by_one},
      {{"mask.missing", "", "layer.3", "Every token sees every key of its step, the future ones too."},
       Reach::parts,
       {"attn.scores_masked"},
       {},
       mask_missing},
      {{"mask.latest_lost", "keys (default 1)", "layer.3",
        "No token sees itself, nor so many less one keys before it; the first ones see all keys evenly."},
       Reach::parts,
       {"attn.scores_masked"},
       {},
       latest_lost},
      {{"mask.window_off_by_one", "", "layer.3", "Every token sees one key more than the sliding window holds."},
       Reach::parts,
       {"attn.scores_masked"},
       {},
       window_off_by_one},
      {{"mask.window_ignored", "", "layer.3",
        "The sliding window is not applied: every token sees all keys before it."},
       Reach::parts,
       {"attn.scores_masked"},
       {},
       window_ignored},
      {{"softcap.dropped", "", "layer.3",
        "The scores, or the logits, are not capped, as where a fused attention has no argument for it."},
       Reach::kinds,
       {"attn.scores_capped"},
       {OpKind::softcap},
       cap_dropped},
      {{"softcap.cap", "number (default 30)", "layer.3",
        "The soft cap has another value, as where that of scores and that of logits are exchanged."},
       Reach::kinds,
       {"attn.scores_capped"},
       {OpKind::softcap},
       other_cap},
      {{"softmax.temperature", "divisor (default 2)", "layer.3",
        "The scores are divided by a temperature that the model does not have."},
       Reach::parts,
       {"attn.scores_scaled"},
       {},
       temperature},
      {{"softmax.scale_doubled", "", "layer.3", "The scores are divided by the root of the head dimension twice."},
       Reach::parts,
       {"attn.scores_scaled"},
       {},
       scale_doubled},
      {{"softmax.head_dim_derived", "", "layer.3",
        "The scores are divided by the root of hidden / heads, where the config gives the heads another width."},
       Reach::parts,
       {"attn.scores_scaled"},
       {},
       head_dim_derived},
      {{"softmax.scale_missing", "", "layer.3", "The scores are not divided by the root of the head dimension."},
       Reach::parts,
       {"attn.scores_scaled"},
       {},
       scale_missing},
      {{"attn.k_v_swapped", "", "layer.3",
        "The weights of the key and value projections are exchanged, as by a packed tensor read in another order."},
       Reach::layers,
       {"attn.k_proj", "attn.v_proj"},
       {},
       k_v_swapped},
  };
}

}  // namespace plumbline
