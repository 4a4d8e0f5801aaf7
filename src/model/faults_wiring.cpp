// SPDX-License-Identifier: Apache-2.0
// Faults of the wiring: an op reads another tensor than it should, is left out, or its operand enters twice. Weights
// stay as they are.
#include <algorithm>
#include <utility>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

std::string own(const FaultCall& call, const std::string& part) {
  return "layer." + std::to_string(call.site.layer) + "." + part;
}

const std::string& result_of(FaultCall& call, const std::string& op) {
  return op_named(call.model, op).outputs.front().path;
}

/// The residual stream that enters the layer.
std::string stream_of(FaultCall& call) {
  const Op* const norm = call.model.graph.find(own(call, "in_norm"));
  return (norm != nullptr ? *norm : op_named(call.model, own(call, "resid1"))).inputs.front();
}

void unnormed_input(FaultCall& call) {
  Op& linear = site_op(call);
  const Op* norm = call.model.graph.producer(linear.inputs.front());
  if (norm == nullptr || norm->kind != OpKind::rmsnorm) changes_nothing(call, "it does not read a norm");
  linear.inputs.front() = norm->inputs.front();
}

void branch_lost(FaultCall& call) {
  const std::string name = call.site.ops.front();
  remove_op(call.model, name, op_named(call.model, name).inputs.front());
}

/// A sum of the operand with itself, ahead of the addition, which reads it instead.
void operand_doubled(FaultCall& call, size_t index) {
  const Op& add = site_op(call);
  const std::string operand = add.inputs.at(index);
  Op twice = add;
  twice.name = add.name + "_twice";
  twice.inputs = {operand, operand};
  twice.outputs.front().path = twice.name;
  std::vector<Op>& ops = call.model.graph.ops;
  const auto at = std::ranges::find(ops, add.name, &Op::name);
  ops.insert(at, std::move(twice));
  site_op(call).inputs.at(index) = call.site.ops.front() + "_twice";
}

void stream_doubled(FaultCall& call) { operand_doubled(call, 0); }
void branch_doubled(FaultCall& call) { operand_doubled(call, 1); }

void after_norm(FaultCall& call) {
  Op& add = site_op(call);
  const std::string norm = own(call, add.name.ends_with(".resid1") ? "in_norm" : "post_norm");
  if (call.model.graph.find(norm) == nullptr) changes_nothing(call, "no norm reads the residual stream there");
  add.inputs.front() = result_of(call, norm);
}

void stale_stream(FaultCall& call) { site_op(call).inputs.front() = stream_of(call); }

void act_on_up(FaultCall& call) {
  Op& act = op_named(call.model, own(call, "mlp.act"));
  Op& product = op_named(call.model, own(call, "mlp.mul"));
  std::swap(act.inputs.front(), product.inputs.at(1));
}

void act_dropped(FaultCall& call) {
  const std::string name = call.site.ops.front();
  remove_op(call.model, name, op_named(call.model, name).inputs.front());
}

void act_exchanged(FaultCall& call) {
  Op& act = site_op(call);
  const bool gelu = act.kind == OpKind::gelu_tanh;
  act.kind = gelu ? OpKind::silu : OpKind::gelu_tanh;
  act.contract = gelu ? "silu/f32" : "gelu-tanh/f32";
}

/// What reads the product gets the up projection alone.
void gate_lost(FaultCall& call) {
  const std::string name = call.site.ops.front();
  remove_op(call.model, name, op_named(call.model, name).inputs.at(1));
}

void values_from_keys(FaultCall& call) { site_op(call).inputs.at(1) = result_of(call, own(call, "attn.k_cache")); }

void other_cache(FaultCall& call) {
  if (call.site.layer == 0) changes_nothing(call, "no layer before it has filled a cache");
  Op& op = site_op(call);
  const std::string cache = op.kind == OpKind::attn_scores ? "attn.k_cache" : "attn.v_cache";
  op.inputs.at(1) = result_of(call, "layer." + std::to_string(call.site.layer - 1) + "." + cache);
}

void cos_sin_swapped(FaultCall& call) {
  Op& rope = site_op(call);
  std::swap(rope.inputs.at(1), rope.inputs.at(2));
}

Fault part_fault(const char* name, const char* part, const char* effect, void (*rewrite)(FaultCall&)) {
  return {{name, "", std::string("layer.3.") + part, effect}, Reach::parts, {part}, {}, rewrite};
}

Fault add_fault(const char* name, const char* effect, void (*rewrite)(FaultCall&)) {
  return {{name, "", "layer.3.resid1", effect}, Reach::kinds, {"resid1"}, {OpKind::add}, rewrite};
}

}  // namespace

std::vector<Fault> wiring_faults() {
  return {
      {{"linear.unnormed_input", "", "layer.3.attn.v_proj",
        "A projection reads the residual stream itself, not the norm of it."},
       Reach::kinds,
       {"attn.v_proj"},
       {OpKind::linear},
       unnormed_input},
      add_fault("residual.branch_lost", "The branch is not added: the residual stream goes on as it was.", branch_lost),
      add_fault("residual.branch_doubled", "The branch is added to the residual stream twice.", branch_doubled),
      add_fault("residual.stream_doubled", "The residual stream enters the addition twice.", stream_doubled),
      add_fault("residual.after_norm", "The branch is added to the norm of the residual stream, not to the stream.",
                after_norm),
      part_fault("residual.stale", "resid2",
                 "The second branch is added to what entered the layer: the attention's result is lost.", stale_stream),
      part_fault("mlp.parallel", "post_norm",
                 "The norm before the MLP reads what entered the layer, as in models that run both branches at once.",
                 stale_stream),
      part_fault("mlp.act_on_up", "mlp.act", "The activation is applied to the up projection, not to the gate.",
                 act_on_up),
      part_fault("mlp.act_dropped", "mlp.act", "The gate enters the product without its activation.", act_dropped),
      part_fault("mlp.act_exchanged", "mlp.act",
                 "The activation is GELU as tanh approximates it where the family has SiLU, or the other way round.",
                 act_exchanged),
      part_fault("mlp.gate_lost", "mlp.mul", "The up projection goes on without being multiplied by the gate.",
                 gate_lost),
      part_fault("attn.values_from_keys", "attn.ctx", "The probabilities weigh the cached keys, not the values.",
                 values_from_keys),
      {{"attn.other_cache", "", "layer.3.attn.scores_raw", "The cache of the layer before is read."},
       Reach::kinds,
       {"attn.scores_raw"},
       {OpKind::attn_scores, OpKind::attn_context},
       other_cache},
      {{"rope.cos_sin_swapped", "", "layer.3.attn.q_rope", "Sines are read for cosines, and cosines for sines."},
       Reach::kinds,
       {"attn.q_rope"},
       {OpKind::rope},
       cos_sin_swapped},
  };
}

}  // namespace plumbline
