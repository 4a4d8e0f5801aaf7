// SPDX-License-Identifier: Apache-2.0
// Linear maps: bias, another weight of the checkpoint, transposed or cut or quantised weights, rows in another order,
// parts of the inner dimension lost or stale, narrow accumulators.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnose/linear_fits.h"
#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

Mistake with_weight(size_t m, std::string_view family, std::string text, std::function<void(Array&)> change) {
  const auto edit = [change](OpInputs& in, const StepFacts&) { change(in.parameters[0]); };
  return {std::string(family), std::move(text), m, {}, edit, {}, {}};
}

// ---- bias

Mistake with_bias(size_t m, std::string text, std::vector<double> added) {
  const auto edit = [added](std::vector<Evaluated>& results, const OpInputs&, const StepFacts&) {
    std::vector<double>& y = results[0].exact.values;
    for (size_t i = 0; i < y.size(); ++i) y[i] += added[i % added.size()];
  };
  return {std::string(code::kBias), std::move(text), m, {}, {}, edit, {}};
}

void suspect_bias(const Bench& bench, Suspects& out) {
  const size_t m = bench.chain().size() - 1;
  const Op& op = bench.op();
  const OpInputs& in = bench.given(bench.steps().front());
  if (in.parameters.size() > 1) {
    std::vector<double> bias = in.parameters[1].values;
    out.push_back(with_bias(m, "the bias is added twice", bias));
    for (double& b : bias) b = -b;
    out.push_back(with_bias(m, "the bias is not added", bias));
  }
  std::vector<double> means = column_means(bench);
  if (means.empty()) return;
  const Model& model = bench.failed().context.candidate_model;
  for (const auto& [name, tensor] : model.parameters) {
    if (tensor.shape() != Shape{static_cast<int64_t>(means.size())}) continue;
    const bool own = op.parameters.size() > 1 && op.parameters[1] == name;
    if (!own) out.push_back(with_bias(m, fmt::format("{} is added as a bias", name), to_values(tensor.view())));
  }
  double largest = 0.0, smallest = std::numeric_limits<double>::infinity();
  for (const double mean : means) {
    largest = std::max(largest, std::fabs(mean));
    smallest = std::min(smallest, std::fabs(mean));
  }
  const std::string name = op.parameters.empty() ? op.name : op.parameters[0].substr(0, op.parameters[0].rfind('.'));
  out.push_back(with_bias(m,
                          fmt::format("a bias is added to {} that the checkpoint does not have (magnitudes {} to {})",
                                      name, fmt::format("{:.3g}", smallest), fmt::format("{:.3g}", largest)),
                          std::move(means)));
}

// ---- the weight itself

/// Rows of the product that are computed to see whether another weight is worth a whole replay.
void suspect_other_weight(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  const Array& own = bench.steps().front().given[m].parameters[0];
  const Model& model = bench.failed().context.candidate_model;
  const bool last = m + 1 == bench.chain().size();
  for (const auto& [name, tensor] : model.parameters) {
    if (name == op.parameters[0] || tensor.shape() != own.shape) continue;
    if (last && !explains_some_rows(bench, tensor)) continue;
    const Tensor* other = &tensor;
    out.push_back(with_weight(m, code::kOtherWeight, fmt::format("the weight is {}, not {}", name, op.parameters[0]),
                              [other](Array& weight) { weight = to_array(other->view()); }));
  }
}

void suspect_layout(size_t m, Suspects& out) {
  out.push_back(with_weight(
      m, code::kTransposed, "the weight is stored [in,out] and read as [out,in]: transposed", [](Array& weight) {
        const auto rows = static_cast<size_t>(weight.shape[0]), columns = static_cast<size_t>(weight.shape[1]);
        std::vector<double> flipped(weight.values.size());
        for (size_t i = 0; i < rows * columns; ++i) {
          // The bytes of W^T, [in,out], taken for [out,in].
          const size_t r = i % rows, c = i / rows;
          flipped[i] = weight.values[r * columns + c];
        }
        weight.values = std::move(flipped);
      }));
}

/// As the quantiser gives it, and stored in the model's format again.
void add_quantised(const Bench& bench, size_t m, const Quantiser& quantiser, Suspects& out) {
  const std::string text = "the weight was quantised: " + quantiser.text;
  out.push_back(with_weight(m, code::kQuantised, text, quantiser.apply));
  const auto stored = [apply = quantiser.apply, dtype = bench.dtype()](Array& weight) {
    apply(weight);
    for (double& value : weight.values) value = round_to(dtype, value);
  };
  out.push_back(
      with_weight(m, code::kQuantised, fmt::format("{}, stored in {}", text, dtype_name(bench.dtype())), stored));
}

/// For every number of bits the group, of any width, that explains most of a few output channels.
void suspect_groups(const Bench& bench, size_t m, Suspects& out) {
  constexpr double kWorthATry = 2.0;
  const LinearData data = linear_data(bench);
  if (data.rows == 0) return;
  const std::vector<int64_t> rows = sampled_columns(data.columns, 24);
  Array sample{{static_cast<int64_t>(rows.size()), data.depth}, {}};
  std::vector<size_t> place(static_cast<size_t>(data.columns), 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    place[static_cast<size_t>(rows[i])] = i;
    const auto from = data.weight->begin() + rows[i] * data.depth;
    sample.values.insert(sample.values.end(), from, from + data.depth);
  }
  for (const int bits : {8, 4, 6, 5, 3, 2})
    for (int64_t group = 2; group < std::min<int64_t>(data.depth, 257); ++group) {
      const Quantiser quantiser = group_quantiser(bits, group);
      Array quantised = sample;
      quantiser.apply(quantised);
      const auto weight = [&](int64_t row, int64_t k) {
        return quantised
            .values[place[static_cast<size_t>(row)] * static_cast<size_t>(data.depth) + static_cast<size_t>(k)];
      };
      if (explains_some_rows(data, weight, kWorthATry)) add_quantised(bench, m, quantiser, out);
    }
}

void suspect_quantised(const Bench& bench, size_t m, Suspects& out) {
  for (const Quantiser& quantiser : quantisers()) add_quantised(bench, m, quantiser, out);
  if (m + 1 == bench.chain().size()) suspect_groups(bench, m, out);
  const Array& weight = bench.steps().front().given[m].parameters[0];
  double largest = 0.0;
  for (const double w : weight.values) largest = std::max(largest, std::fabs(w));
  if (!(largest > 0.0)) return;
  const auto clamped = [&, m](double limit) {
    return with_weight(
        m, code::kClamped,
        fmt::format("the weight is cut to +-{}, the largest is {}", number_text(limit), number_text(largest)),
        [limit](Array& array) {
          for (double& w : array.values) w = std::clamp(w, -limit, limit);
        });
  };
  const double limit = fit_positive(bench, largest / 64.0, largest * 0.999, 13, clamped);
  out.push_back(clamped(limit));
  out.push_back(clamped(round_to(DType::bf16, limit)));
}

// ---- the product

void suspect_accumulator(size_t m, Suspects& out) {
  for (const DType format : {DType::bf16, DType::f16})
    for (const int64_t step : {1, 4, 8, 16, 32, 64, 128, 256})
      out.push_back({std::string(code::kAccumulator),
                     fmt::format("the accumulator is held in {}, rounded after every {} of the inner dimension",
                                 dtype_name(format), step),
                     m,
                     {},
                     {},
                     narrow_accumulator(format, step),
                     {}});
  for (int64_t parts = 2; parts <= 16; ++parts)
    out.push_back({std::string(code::kAccumulator),
                   fmt::format("partial sums of {} splits of the inner dimension are rounded to bf16", parts),
                   m,
                   {},
                   {},
                   split_partials(DType::bf16, parts),
                   {}});
}

}  // namespace

void suspect_linear(const Bench& bench, size_t m, Suspects& out) {
  const bool last = m + 1 == bench.chain().size();
  if (last) {
    suspect_bias(bench, out);
    suspect_tiles(bench, out);
    suspect_row_order(bench, out);
    suspect_input_channels(bench, out);
    suspect_elements(bench, out);
  }
  suspect_other_weight(bench, m, out);
  suspect_layout(m, out);
  if (last) suspect_accumulator(m, out);
  suspect_quantised(bench, m, out);
}

}  // namespace plumbline
