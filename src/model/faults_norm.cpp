// SPDX-License-Identifier: Apache-2.0
// Faults of RMSNorm: its rounding, its epsilon, its absence.
#include <algorithm>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

/// The value rounded before the weight exists under rmsnorm/llama only, so it has no tap elsewhere.
void drop_rounded_value(Op& norm) {
  std::erase_if(norm.outputs, [&](const TapSpec& tap) { return tap.inner && tap.path == norm.name + ".n"; });
}

void single_rounding(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  if (call.model.config.dtype == DType::f32) changes_nothing(call, "the model is f32: nothing is rounded in between");
  if (norm.contract != "rmsnorm/llama") changes_nothing(call, "the norm rounds once already, or never");
  norm.contract = "rmsnorm/olmo";
  drop_rounded_value(norm);
}

/// What rmsnorm/llama rounds before its weight, at the end of the norm's taps.
void two_roundings(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  if (call.model.config.dtype == DType::f32) changes_nothing(call, "the model is f32: nothing is rounded in between");
  if (norm.contract != "rmsnorm/olmo") changes_nothing(call, "the norm's contract is " + norm.contract);
  norm.contract = "rmsnorm/llama";
  norm.outputs.push_back({norm.name + ".n", call.model.config.dtype, norm.outputs.front().axes, true});
}

void offset_lost(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  if (norm.contract != "rmsnorm/gemma") changes_nothing(call, "the norm's weight is no offset");
  norm.contract = "rmsnorm/olmo";
}

/// The norm behind the attention runs in front of it: projections read it, the sum reads the attention's own result.
void moved_before(FaultCall& call) {
  std::vector<Op>& ops = call.model.graph.ops;
  const std::string name = call.site.ops.back();
  Op norm = op_named(call.model, name);
  const std::string behind = norm.inputs.front(), made = norm.outputs.front().path;
  const std::string stream = op_named(call.model, call.site.ops.front()).inputs.front();
  std::erase_if(ops, [&](const Op& op) { return op.name == name; });
  for (Op& op : ops) std::ranges::replace(op.inputs, made, behind);
  norm.inputs.front() = stream;
  for (size_t i = 0; i + 1 < call.site.ops.size(); ++i) op_named(call.model, call.site.ops[i]).inputs.front() = made;
  ops.insert(std::ranges::find(ops, call.site.ops.front(), &Op::name), std::move(norm));
}

/// Heads go to the rotation, which no backend runs on f32.
bool may_keep_f32(const Op& op) {
  return op.kind == OpKind::rmsnorm && integer(op, "heads") == 0 && op.contract != "rmsnorm/f32" &&
         op.contract != "rmsnorm/gemma";
}

void keep_f32(Op& norm) {
  norm.contract = "rmsnorm/f32";
  norm.outputs.front().dtype = DType::f32;
  drop_rounded_value(norm);
}

void f32(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  if (call.model.config.dtype == DType::f32) changes_nothing(call, "the model is f32: nothing is rounded in between");
  if (!may_keep_f32(norm)) changes_nothing(call, "the norm keeps f32 already, or its heads go to a rotation in bf16");
  keep_f32(norm);
}

void f32_everywhere(FaultCall& call) {
  if (call.model.config.dtype == DType::f32) changes_nothing(call, "the model is f32: nothing is rounded in between");
  for (Op& op : call.model.graph.ops) {
    if (may_keep_f32(op)) keep_f32(op);
  }
}

void dropped(FaultCall& call) {
  const std::string name = call.site.ops.front();
  remove_op(call.model, name, op_named(call.model, name).inputs.front());
}

/// Of keys it is k_norm.dropped.
void any_dropped(FaultCall& call) {
  if (call.site.ops.front().ends_with(".k_norm")) changes_nothing(call, "k_norm.dropped is the fault of that norm");
  dropped(call);
}

void other_eps(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  const double eps = positive_value(call, 1e-5);
  if (static_cast<float>(eps) == static_cast<float>(number(norm, "eps"))) {
    changes_nothing(call, "the norm has this epsilon already");
  }
  norm.attributes["eps"] = eps;
}

}  // namespace

std::vector<Fault> norm_faults() {
  return {
      {{"norm.single_rounding", "", "layer.3.in_norm",
        "The norm keeps its normalised value in f32 and rounds once, at the output, instead of twice: another rounding "
        "contract, not a wrong result."},
       Reach::kinds,
       {"in_norm"},
       {OpKind::rmsnorm},
       single_rounding},
      {{"norm.two_roundings", "", "layer.3.attn.post_norm",
        "The norm rounds its normalised value before the weight, as most families do and this one does not: another "
        "rounding contract, not a wrong result."},
       Reach::kinds,
       {"attn.post_norm"},
       {OpKind::rmsnorm},
       two_roundings},
      {{"norm.offset_lost", "", "layer.3.in_norm",
        "The norm multiplies by its weight as stored, not by one more, as where a Gemma is taken for another family."},
       Reach::kinds,
       {"in_norm"},
       {OpKind::rmsnorm},
       offset_lost},
      {{"norm.before", "", "layer.3",
        "The norm of the attention's result is applied to what enters the attention instead, as most families do."},
       Reach::layers,
       {"attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.post_norm"},
       {},
       moved_before},
      {{"norm.f32", "", "layer.3.in_norm",
        "The norm's output stays in f32 up to the products behind it: another rounding contract, not a wrong result."},
       Reach::kinds,
       {"in_norm"},
       {OpKind::rmsnorm},
       f32},
      {{"norm.f32_everywhere", "", "layer.0.in_norm",
        "Every norm in front of a product leaves its output in f32, as kernels do that compute in f32 throughout."},
       Reach::fixed,
       {},
       {},
       f32_everywhere},
      {{"k_norm.dropped", "", "layer.3.attn.k_norm", "Keys go to the rotation without their norm."},
       Reach::parts,
       {"attn.k_norm"},
       {},
       dropped},
      {{"norm.dropped", "", "layer.3.post_norm", "What reads the norm gets the norm's input instead."},
       Reach::kinds,
       {"post_norm"},
       {OpKind::rmsnorm},
       any_dropped},
      {{"norm.eps", "number (default 1e-5)", "layer.0.in_norm", "The norm adds another epsilon to the mean square."},
       Reach::kinds,
       {"in_norm"},
       {OpKind::rmsnorm},
       other_eps},
  };
}

}  // namespace plumbline
