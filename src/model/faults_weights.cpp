// SPDX-License-Identifier: Apache-2.0
// Faults of the weights of linear maps: transposed, exchanged, of another layer, a bias that nobody wrote or added.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

constexpr int kBiasOctaves = 16;  // magnitudes spread over 2^16: 1e29 to 6.5e33, as found in the case's checkpoint

/// Random signs and magnitudes, evenly spread over the octaves above `least`: what unwritten memory looks like as
/// floating-point numbers.
void uninitialised_bias(FaultCall& call) {
  const double least = positive_value(call, 1e29);
  const DType dtype = call.model.config.dtype;
  if (std::ldexp(least, kBiasOctaves) > max_finite(dtype) || round_to(dtype, least) == 0.0) {
    bad_value(call, "a magnitude that " + std::string(dtype_name(dtype)) + " holds, 65536 times it too");
  }
  Op& linear = op_named(call.model, call.site.ops.front());
  const int64_t width = parameter(call.model, linear, 0).shape().front();
  SplitMix64 random(fnv1a("bias.uninitialised " + linear.name));
  std::vector<double> values(static_cast<size_t>(width));
  for (double& value : values) {
    const int octave = static_cast<int>(random.next() % kBiasOctaves);
    const double magnitude = std::ldexp(least * (1.0 + random.uniform()), octave);
    value = random.next() % 2 == 0 ? magnitude : -magnitude;
  }
  if (linear.parameters.size() == 1) {
    const std::string weight = is_head(linear) ? "lm_head.weight" : linear.parameters.front();
    linear.parameters.push_back(weight.substr(0, weight.rfind('.')) + ".bias");
  }
  replace_parameter(call.model, linear, 1, Tensor::from_values(dtype, {width}, values));
}

void lost_bias(FaultCall& call) {
  Op& linear = site_op(call);
  if (linear.parameters.size() < 2) changes_nothing(call, "the linear map has no bias");
  call.model.parameters.erase(linear.parameters.back());
  linear.parameters.pop_back();
}

/// The bytes of W^T in W's own shape: a [in,out] buffer read as [out,in].
void transposed(FaultCall& call) {
  Op& linear = op_named(call.model, call.site.ops.front());
  const TensorView weight = parameter(call.model, linear, 0).view();
  const auto rows = static_cast<size_t>(weight.shape.at(0)), columns = static_cast<size_t>(weight.shape.at(1));
  const size_t step = element_bytes(weight.dtype);
  Tensor buffer(weight.dtype, weight.shape);
  std::byte* to = buffer.mutable_data();
  for (size_t column = 0; column < columns; ++column) {
    for (size_t row = 0; row < rows; ++row, to += step) {
      std::memcpy(to, weight.data + (row * columns + column) * step, step);
    }
  }
  replace_parameter(call.model, linear, 0, std::move(buffer));
}

/// Without a value the limit is half of the largest magnitude: few weights reach it in any trained model.
void clamped(FaultCall& call) {
  Op& op = op_named(call.model, call.site.ops.front());
  const TensorView& weight = parameter(call.model, op, 0).view();
  std::vector<double> values = to_values(weight);
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::fabs(value));
  const double limit = round_to(weight.dtype, positive_value(call, largest / 2.0));
  if (largest <= limit) changes_nothing(call, "no weight is larger than the limit");
  for (double& value : values) value = std::clamp(value, -limit, limit);
  replace_parameter(call.model, op, 0, Tensor::from_values(weight.dtype, weight.shape, values));
}

void gate_up_swapped(FaultCall& call) { exchange_parameters(call.model, call.site.ops.at(0), call.site.ops.at(1)); }

/// The first layer has none before it and takes the second's.
void wrong_layer(FaultCall& call) {
  Op& op = op_named(call.model, call.site.ops.front());
  if (op.layer < 0) changes_nothing(call, "the op belongs to no layer");
  if (call.model.config.layers == 1) changes_nothing(call, "the model has one layer");
  const int source = op.layer == 0 ? 1 : op.layer - 1;
  const std::string own = "layer." + std::to_string(op.layer) + ".";
  const std::string other = "layer." + std::to_string(source) + "." + op.name.substr(own.size());
  replace_parameter(call.model, op, 0, parameter(call.model, op_named(call.model, other), 0));
}

}  // namespace

std::vector<Fault> weight_faults() {
  return {
      {{"bias.uninitialised", "smallest magnitude (default 1e29)", "layer.1.attn.v_proj",
        "A linear map gets a bias as from uninitialised memory: random signs, magnitudes from VALUE to 65536 times "
        "it."},
       Reach::kinds,
       {"attn.v_proj"},
       {OpKind::linear},
       uninitialised_bias},
      {{"bias.lost", "", "layer.3.attn.q_proj", "A linear map's bias is not added."},
       Reach::kinds,
       {"attn.q_proj"},
       {OpKind::linear},
       lost_bias},
      {{"weight.transposed", "", "layer.3.attn.o_proj",
        "A linear map's weight is stored [in,out] and read as [out,in]."},
       Reach::kinds,
       {"attn.o_proj"},
       {OpKind::linear},
       transposed},
      {{"weight.clamped", "limit (default half of the largest magnitude)", "layer.3.mlp.down_proj",
        "A linear map's or norm's weights beyond a limit are cut back to it, as by a quantiser without a scale."},
       Reach::kinds,
       {"mlp.down_proj"},
       {OpKind::linear, OpKind::rmsnorm},
       clamped},
      {{"mlp.gate_up_swapped", "", "layer.3", "The weights of the gate and up projections are exchanged."},
       Reach::layers,
       {"mlp.gate_proj", "mlp.up_proj"},
       {},
       gate_up_swapped},
      {{"weight.wrong_layer", "", "layer.3.attn.o_proj",
        "A linear map or norm has the weight of the same op one layer before (in layer 0: after)."},
       Reach::kinds,
       {"attn.o_proj"},
       {OpKind::linear, OpKind::rmsnorm},
       wrong_layer},
  };
}

}  // namespace plumbline
