// SPDX-License-Identifier: Apache-2.0
// Faults of RMSNorm: its rounding, its weight, its epsilon, its absence.
#include "model/fault_tools.h"

namespace plumbline {
namespace {

void single_rounding(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  if (call.model.config.dtype == DType::f32) changes_nothing(call, "the model is f32: nothing is rounded in between");
  if (norm.contract == "rmsnorm/olmo") changes_nothing(call, "the norm rounds once already");
  norm.contract = "rmsnorm/olmo";
  // The value rounded before the weight does not exist under this contract, so it has no tap.
  std::erase_if(norm.outputs, [&](const TapSpec& tap) { return tap.inner && tap.path == norm.name + ".n"; });
}

void dropped(FaultCall& call) {
  const std::string name = call.site.ops.front();
  remove_op(call.model, name, op_named(call.model, name).inputs.front());
}

void other_eps(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  const double eps = positive_value(call, 1e-5);
  if (static_cast<float>(eps) == static_cast<float>(number(norm, "eps"))) {
    changes_nothing(call, "the norm has this epsilon already");
  }
  norm.attributes["eps"] = eps;
}

void weight_missing(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  const TensorView& weight = parameter(call.model, norm, 0).view();
  const std::vector<double> ones(static_cast<size_t>(weight.count()), 1.0);
  replace_parameter(call.model, norm, 0, Tensor::from_values(weight.dtype, weight.shape, ones));
}

void weight_offset(FaultCall& call) {
  Op& norm = op_named(call.model, call.site.ops.front());
  const TensorView& weight = parameter(call.model, norm, 0).view();
  std::vector<double> values = to_values(weight);
  for (double& value : values) value += 1.0;
  replace_parameter(call.model, norm, 0, Tensor::from_values(weight.dtype, weight.shape, values));
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
      {{"k_norm.dropped", "", "layer.3.attn.k_norm", "Keys go to the rotation without their norm."},
       Reach::parts,
       {"attn.k_norm"},
       {},
       dropped},
      {{"norm.eps", "number (default 1e-5)", "layer.0.in_norm", "The norm adds another epsilon to the mean square."},
       Reach::kinds,
       {"in_norm"},
       {OpKind::rmsnorm},
       other_eps},
      {{"norm.weight_missing", "", "layer.3.attn.q_norm",
        "The norm's weight was never loaded: it is one in every channel."},
       Reach::kinds,
       {"attn.q_norm"},
       {OpKind::rmsnorm},
       weight_missing},
      {{"norm.weight_offset", "", "layer.3.in_norm",
        "The norm's weight is taken as an offset from one (1 + w), as Gemma stores it."},
       Reach::kinds,
       {"in_norm"},
       {OpKind::rmsnorm},
       weight_offset},
  };
}

}  // namespace plumbline
