// SPDX-License-Identifier: Apache-2.0
// Faults of the values of a linear map's weight [out,in]: multiplied, negated, lost, quantised, one of them broken.
#include <algorithm>
#include <cmath>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

using Values = std::vector<double>;

/// A run at a random place among `count`.
struct Run {
  int64_t first, width;
  bool holds(int64_t at) const { return at >= first && at < first + width; }
};

Run random_run(const FaultCall& call, int64_t count, int64_t width) {
  SplitMix64 random = random_of(call);
  return {random_below(random, count - width), width};
}

/// A run whose width is random too: up to half of all.
Run random_width(const FaultCall& call, int64_t count) {
  SplitMix64 random = random_of(call);
  const int64_t width = 1 + random_below(random, std::max<int64_t>(0, count / 2 - 1));
  return {random_below(random, count - width), width};
}

void change_cells(FaultCall& call, const std::function<double(double, int64_t row, int64_t column)>& change) {
  change_parameter(call.model, site_op(call), 0, [&](Values& values, const Shape& shape) {
    const int64_t columns = matrix_shape(shape).columns;
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = change(values[i], static_cast<int64_t>(i) / columns, static_cast<int64_t>(i) % columns);
  });
}

MatrixShape shape_at(FaultCall& call) { return matrix_shape(parameter(call.model, site_op(call), 0).shape()); }

void scaled(FaultCall& call) {
  const double factor = positive_value(call, 1.05);
  change_cells(call, [&](double w, int64_t, int64_t) { return w * factor; });
}

void rows_scaled(FaultCall& call) {
  const double factor = positive_value(call, 1.5);
  const Run run = random_width(call, shape_at(call).rows);
  change_cells(call, [&](double w, int64_t row, int64_t) { return run.holds(row) ? w * factor : w; });
}

void columns_scaled(FaultCall& call) {
  const double factor = positive_value(call, 1.5);
  const Run run = random_width(call, shape_at(call).columns);
  change_cells(call, [&](double w, int64_t, int64_t column) { return run.holds(column) ? w * factor : w; });
}

void rows_negated(FaultCall& call) {
  const int64_t rows = shape_at(call).rows;
  const Run run = random_run(call, rows, whole_value(call, 16, rows));
  change_cells(call, [&](double w, int64_t row, int64_t) { return run.holds(row) ? -w : w; });
}

void rows_zeroed(FaultCall& call) {
  const int64_t rows = shape_at(call).rows;
  const Run run = random_run(call, rows, whole_value(call, 16, rows));
  change_cells(call, [&](double w, int64_t row, int64_t) { return run.holds(row) ? 0.0 : w; });
}

void columns_zeroed(FaultCall& call) {
  const int64_t columns = shape_at(call).columns;
  const Run run = random_run(call, columns, whole_value(call, 16, columns));
  change_cells(call, [&](double w, int64_t, int64_t column) { return run.holds(column) ? 0.0 : w; });
}

void element_wrong(FaultCall& call) {
  const double value = positive_value(call, 8.0);
  const MatrixShape matrix = shape_at(call);
  SplitMix64 random = random_of(call);
  const int64_t at_row = random_below(random, matrix.rows - 1), at_column = random_below(random, matrix.columns - 1);
  change_cells(call,
               [&](double w, int64_t row, int64_t column) { return row == at_row && column == at_column ? value : w; });
}

// ---- quantised, and stored in the model's format again

/// Symmetric integers of so many bits, a scale of the largest magnitude for each run of `group` in a row.
void to_integers(Values& values, int64_t columns, int64_t group, int bits) {
  const double most = std::ldexp(1.0, bits - 1) - 1.0;
  const auto all = static_cast<int64_t>(values.size());
  for (int64_t at = 0, end = 0; at < all; at = end) {
    end = std::min(all, std::min(at + group, group > columns ? all : (at / columns + 1) * columns));
    double largest = 0.0;
    for (int64_t i = at; i < end; ++i) largest = std::max(largest, std::fabs(values[static_cast<size_t>(i)]));
    const double scale = largest / most;
    for (int64_t i = at; i < end && scale > 0.0; ++i) {
      double& value = values[static_cast<size_t>(i)];
      value = std::nearbyint(value / scale) * scale;
    }
  }
}

void int8_rows(FaultCall& call) {
  change_parameter(call.model, site_op(call), 0,
                   [](Values& values, const Shape& shape) { to_integers(values, shape.back(), shape.back(), 8); });
}

void int4_groups(FaultCall& call) {
  change_parameter(call.model, site_op(call), 0, [&](Values& values, const Shape& shape) {
    to_integers(values, shape.back(), whole_value(call, 32, shape.back()), 4);
  });
}

void int_tensor(FaultCall& call) {
  const auto bits = static_cast<int>(whole_value(call, 6, 12));
  if (bits == 1) bad_value(call, "a whole number from 2 to 12");
  change_parameter(call.model, site_op(call), 0, [&](Values& values, const Shape& shape) {
    to_integers(values, shape.back(), static_cast<int64_t>(values.size()), bits);
  });
}

void through(FaultCall& call, DType format) {
  const double most = max_finite(format);
  change_cells(call, [&](double w, int64_t, int64_t) { return round_to(format, std::clamp(w, -most, most)); });
}

void f8_e4m3(FaultCall& call) { through(call, DType::f8_e4m3fn); }
void f8_e5m2(FaultCall& call) { through(call, DType::f8_e5m2); }

/// Cut to so many bits after the leading one, toward zero.
void mantissa_cut(FaultCall& call) {
  const auto bits = static_cast<int>(whole_value(call, 3, 6));
  change_cells(call, [&](double w, int64_t, int64_t) {
    if (w == 0.0) return w;
    const double step = std::ldexp(1.0, std::ilogb(w) - bits);
    return std::trunc(w / step) * step;
  });
}

}  // namespace

std::vector<Fault> value_faults() {
  return {
      linear_weight_fault(
          "weight.scaled", "factor (default 1.05)", "attn.o_proj",
          "A linear map's whole weight is multiplied by a factor, as by a scale that is applied once too often.",
          scaled),
      linear_weight_fault("weight.rows_scaled", "factor (default 1.5)", "attn.q_proj",
                          "The weights of a random run of output channels are multiplied by a factor.", rows_scaled),
      linear_weight_fault(
          "weight.columns_scaled", "factor (default 1.5)", "mlp.down_proj",
          "The weights of a random run of input channels are multiplied by a factor, as by a smoothing scale "
          "that the layer before did not take out.",
          columns_scaled),
      linear_weight_fault("weight.rows_negated", "rows (default 16)", "attn.k_proj",
                          "The weights of a random run of so many output channels have the other sign.", rows_negated),
      linear_weight_fault(
          "weight.rows_zeroed", "rows (default 16)", "attn.v_proj",
          "The weights of a random run of so many output channels are zero: a head or a shard was never loaded.",
          rows_zeroed),
      linear_weight_fault("weight.columns_zeroed", "columns (default 16)", "attn.o_proj",
                          "The weights of a random run of so many input channels are zero.", columns_zeroed),
      linear_weight_fault("weight.element_wrong", "value (default 8)", "mlp.up_proj",
                          "One element of a weight, at random, holds another value, as after a flipped bit.",
                          element_wrong),
      linear_weight_fault("weight.int8_rows", "", "mlp.gate_proj",
                          "A weight was quantised to int8 with a scale for each output channel.", int8_rows),
      linear_weight_fault("weight.int4_groups", "group (default 32)", "mlp.down_proj",
                          "A weight was quantised to int4 with a scale for each group of so many input channels.",
                          int4_groups),
      linear_weight_fault("weight.int_tensor", "bits (default 6)", "attn.o_proj",
                          "A weight was quantised to integers of so many bits with one scale for all.", int_tensor),
      linear_weight_fault("weight.f8_e4m3", "", "mlp.up_proj", "A weight went through FP8 (e4m3) without a scale.",
                          f8_e4m3),
      linear_weight_fault("weight.f8_e5m2", "", "mlp.up_proj", "A weight went through FP8 (e5m2) without a scale.",
                          f8_e5m2),
      linear_weight_fault("weight.mantissa_cut", "bits (default 3)", "attn.q_proj",
                          "Of each weight's fraction only so many bits are kept, the others cut off.", mantissa_cut),
  };
}

}  // namespace plumbline
