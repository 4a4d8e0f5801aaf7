// SPDX-License-Identifier: Apache-2.0
// Faults of the layout of a linear map's weight [out,in]: every value is one of the checkpoint's, at another place.
#include <algorithm>

#include "model/fault_tools.h"

namespace plumbline {
namespace {

struct Cell {
  int64_t row, column;
};

/// Each cell gets what stood at source(cell).
void rearrange(FaultCall& call, const std::function<Cell(Cell)>& source) {
  change_parameter(call.model, site_op(call), 0, [&](std::vector<double>& values, const Shape& shape) {
    const MatrixShape matrix = matrix_shape(shape);
    const std::vector<double> before = values;
    for (int64_t row = 0; row < matrix.rows; ++row)
      for (int64_t column = 0; column < matrix.columns; ++column) {
        const Cell from = source({row, column});
        values[static_cast<size_t>(row * matrix.columns + column)] =
            before[static_cast<size_t>(from.row * matrix.columns + from.column)];
      }
  });
}

MatrixShape shape_at(FaultCall& call) { return matrix_shape(parameter(call.model, site_op(call), 0).shape()); }

/// Two runs of `width` among `count` that do not meet, at random places.
struct Runs {
  int64_t first, second, width;
  int64_t other(int64_t at) const {
    if (at >= first && at < first + width) return at - first + second;
    if (at >= second && at < second + width) return at - second + first;
    return at;
  }
};

Runs random_runs(FaultCall& call, int64_t count) {
  const int64_t width = whole_value(call, std::min<int64_t>(16, count / 2), count / 2);
  SplitMix64 random = random_of(call);
  const int64_t first = random_below(random, count - 2 * width);
  return {first, first + width + random_below(random, count - 2 * width - first), width};
}

void rows_swapped(FaultCall& call) {
  const Runs runs = random_runs(call, shape_at(call).rows);
  rearrange(call, [&](Cell at) { return Cell{runs.other(at.row), at.column}; });
}

void columns_swapped(FaultCall& call) {
  const Runs runs = random_runs(call, shape_at(call).columns);
  rearrange(call, [&](Cell at) { return Cell{at.row, runs.other(at.column)}; });
}

void rows_shifted(FaultCall& call) {
  const int64_t rows = shape_at(call).rows, by = whole_value(call, 1, rows - 1);
  rearrange(call, [&](Cell at) { return Cell{(at.row + rows - by) % rows, at.column}; });
}

void columns_shifted(FaultCall& call) {
  const int64_t columns = shape_at(call).columns, by = whole_value(call, 1, columns - 1);
  rearrange(call, [&](Cell at) { return Cell{at.row, (at.column + columns - by) % columns}; });
}

void rows_repeated(FaultCall& call) {
  const Runs runs = random_runs(call, shape_at(call).rows);
  rearrange(call, [&](Cell at) {
    const bool repeats = at.row >= runs.second && at.row < runs.second + runs.width;
    return Cell{repeats ? runs.other(at.row) : at.row, at.column};
  });
}

/// Row 2i of a head holds channel i, row 2i + 1 its partner i + D/2.
void pairs_interleaved(FaultCall& call) {
  const int64_t head = call.model.config.head_dim;
  if (head <= 2) changes_nothing(call, "with two channels a head both orders are the same");
  rearrange(call, [head](Cell at) {
    const int64_t within = at.row % head;
    return Cell{at.row - within + within / 2 + within % 2 * (head / 2), at.column};
  });
}

void blocks_transposed(FaultCall& call) {
  const MatrixShape matrix = shape_at(call);
  const int64_t width = whole_value(call, 16, std::min(matrix.rows, matrix.columns));
  if (width == 1) bad_value(call, "blocks of two rows or more");
  rearrange(call, [&](Cell at) {
    const Cell first{at.row / width * width, at.column / width * width};
    const bool whole = first.row + width <= matrix.rows && first.column + width <= matrix.columns;
    return whole ? Cell{first.row + at.column - first.column, first.column + at.row - first.row} : at;
  });
}

}  // namespace

std::vector<Fault> layout_faults() {
  return {
      linear_weight_fault("weight.rows_swapped", "rows (default 16)", "attn.k_proj",
                          "Two runs of so many output channels of a linear map have each other's weights.",
                          rows_swapped),
      linear_weight_fault(
          "weight.rows_shifted", "rows (default 1)", "attn.v_proj",
          "Every output channel has the weights that belong so many channels before it; the first the last's.",
          rows_shifted),
      linear_weight_fault("weight.rows_repeated", "rows (default 16)", "mlp.gate_proj",
                          "A run of so many output channels holds the weights of an earlier run once more.",
                          rows_repeated),
      linear_weight_fault("weight.columns_swapped", "columns (default 16)", "mlp.down_proj",
                          "Two runs of so many input channels of a linear map have each other's weights.",
                          columns_swapped),
      linear_weight_fault(
          "weight.columns_shifted", "columns (default 1)", "attn.o_proj",
          "Every input channel has the weights that belong so many channels before it; the first the last's.",
          columns_shifted),
      linear_weight_fault(
          "weight.blocks_transposed", "width (default 16)", "mlp.up_proj",
          "Each square block of the weight is transposed within, as by a fragment loaded in the other order.",
          blocks_transposed),
      {{"weight.pairs_interleaved", "", "layer.3.attn.q_proj",
        "Output channels of each head lie in the order of neighbouring pairs, as some formats store queries and keys."},
       Reach::parts,
       {"attn.q_proj"},
       {},
       pairs_interleaved},
  };
}

}  // namespace plumbline
