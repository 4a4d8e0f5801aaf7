// SPDX-License-Identifier: Apache-2.0
// Faults of what runs through the model: the embedding, the residual stream, the head.
#include <algorithm>
#include <cmath>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

void embed_scale(FaultCall& call) {
  Op& embedding = op_named(call.model, call.site.ops.front());
  const double scale = positive_value(call, 1.0 / std::sqrt(static_cast<double>(call.model.config.hidden)));
  if (scale == number(embedding, "scale")) changes_nothing(call, "the embedding has this scale already");
  embedding.attributes["scale"] = scale;
}

/// Row i holds what belongs in row i - by; the first rows get the last ones'.
void embed_rows_shifted(FaultCall& call) {
  change_parameter(call.model, site_op(call), 0, [&](std::vector<double>& values, const Shape& shape) {
    const int64_t by = whole_value(call, 1, shape.front() - 1);
    std::rotate(values.begin(), values.end() - by * shape.back(), values.end());
  });
}

/// Later readers get the branch's output alone: an add's second input.
void residual_dropped(FaultCall& call) {
  const std::string name = call.site.ops.front();
  remove_op(call.model, name, op_named(call.model, name).inputs.at(1));
}

/// Variance 0.02^2, transformers' own for a head that was not loaded; the sum of twelve uniforms is nearly normal.
void head_untied(FaultCall& call) {
  Op& head = op_named(call.model, call.site.ops.front());
  const TensorView& weight = parameter(call.model, head, 0).view();
  SplitMix64 random(fnv1a("head.untied"));
  std::vector<double> values(static_cast<size_t>(weight.count()));
  for (double& value : values) {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    value = 0.02 * sum;
  }
  replace_parameter(call.model, head, 0, Tensor::from_values(weight.dtype, weight.shape, values));
}

}  // namespace

std::vector<Fault> stream_faults() {
  return {
      {{"embed.scale", "number (default 1/sqrt(hidden))", "embed",
        "The embedding's rows are multiplied by a constant that the model does not have."},
       Reach::fixed,
       {},
       {},
       embed_scale},
      {{"embed.rows_shifted", "rows (default 1)", "embed",
        "Every token reads the embedding's row that belongs to the token so many before it, as after a changed list of "
        "special tokens."},
       Reach::fixed,
       {},
       {},
       embed_rows_shifted},
      {{"residual.dropped", "", "layer.3.resid1",
        "The branch replaces the residual stream instead of being added to it."},
       Reach::kinds,
       {"resid1"},
       {OpKind::add},
       residual_dropped},
      {{"head.untied", "", "logits",
        "The logits come from a head that was never loaded: random numbers of deviation 0.02, not the model's own."},
       Reach::fixed,
       {},
       {},
       head_untied},
  };
}

}  // namespace plumbline
