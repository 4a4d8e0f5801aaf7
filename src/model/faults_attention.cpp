// SPDX-License-Identifier: Apache-2.0
// Faults of the attention: rotation, head mapping, mask, scale, order of packed projections.
#include "model/fault_tools.h"

namespace plumbline {
namespace {

/// A table of the layer's own, ahead of the layer's first op; its rope ops read it.
Op& own_rope_table(FaultCall& call) {
  const std::string prefix = call.site.name + ".";
  const std::string name = prefix + "rope.table";
  std::vector<Op>& ops = call.model.graph.ops;
  if (call.model.graph.find(name) == nullptr) {
    Op table = op_named(call.model, "rope.table");
    table.name = name;
    table.layer = call.site.layer;
    for (TapSpec& tap : table.outputs) tap.path = prefix + tap.path;
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

void rope_interleaved(FaultCall& call) {
  if (call.model.config.head_dim <= 2) changes_nothing(call, "with two channels a head both pairings are the same");
  for (const std::string& name : call.site.ops) {
    op_named(call.model, name).attributes["pairing"] = std::string("interleaved");
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

void scale_missing(FaultCall& call) {
  Op& scale = op_named(call.model, call.site.ops.front());
  if (number(scale, "factor") == 1.0) changes_nothing(call, "the factor is one already");
  scale.attributes["factor"] = 1.0;
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
      {{"rope.interleaved", "", "layer.3",
        "The rotation pairs neighbouring channels (2i, 2i+1) instead of halves (i, i + head_dim/2)."},
       Reach::parts,
       {"attn.q_rope", "attn.k_rope"},
       {},
       rope_interleaved},
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
