// SPDX-License-Identifier: Apache-2.0
// Faults of what RMSNorm multiplies by: its weight never loaded, taken as something else, out of place.
#include <cmath>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

void each_weight(FaultCall& call, const std::function<double(double)>& change) {
  change_parameter(call.model, site_op(call), 0, [&](std::vector<double>& values, const Shape&) {
    for (double& value : values) value = change(value);
  });
}

void weight_missing(FaultCall& call) {
  each_weight(call, [](double) { return 1.0; });
}

void weight_offset(FaultCall& call) {
  each_weight(call, [](double w) { return 1.0 + w; });
}

void weight_reduced(FaultCall& call) {
  each_weight(call, [](double w) { return w - 1.0; });
}

void weight_squared(FaultCall& call) {
  each_weight(call, [](double w) { return w * w; });
}

void weight_shifted(FaultCall& call) {
  change_parameter(call.model, site_op(call), 0, [&](std::vector<double>& values, const Shape&) {
    const auto count = static_cast<int64_t>(values.size());
    const std::vector<double> before = values;
    const int64_t by = whole_value(call, 1, count - 1);
    for (int64_t c = 0; c < count; ++c) values[static_cast<size_t>((c + by) % count)] = before[static_cast<size_t>(c)];
  });
}

void weights_swapped(FaultCall& call) { exchange_parameters(call.model, call.site.ops.at(0), call.site.ops.at(1)); }

Fault weight_fault(const char* name, const char* value, const char* part, const char* effect,
                   void (*rewrite)(FaultCall&)) {
  return {{name, value, std::string("layer.3.") + part, effect}, Reach::kinds, {part}, {OpKind::rmsnorm}, rewrite};
}

}  // namespace

std::vector<Fault> norm_weight_faults() {
  return {
      weight_fault("norm.weight_missing", "", "attn.q_norm",
                   "The norm's weight was never loaded: it is one in every channel.", weight_missing),
      weight_fault("norm.weight_offset", "", "in_norm",
                   "The norm's weight is taken as an offset from one (1 + w), as Gemma stores it.", weight_offset),
      weight_fault("norm.weight_reduced", "", "in_norm",
                   "One is taken off the norm's weight, as by a converter to a format that stores offsets from one.",
                   weight_reduced),
      weight_fault("norm.weight_squared", "", "post_norm", "The norm multiplies by its weight twice.", weight_squared),
      weight_fault("norm.weight_shifted", "channels (default 1)", "in_norm",
                   "Every channel is multiplied by the weight that belongs so many channels before it.",
                   weight_shifted),
      {{"norm.weights_swapped", "", "layer.3", "The weights of the layer's two norms are exchanged."},
       Reach::layers,
       {"in_norm", "post_norm"},
       {},
       weights_swapped},
  };
}

}  // namespace plumbline
