// SPDX-License-Identifier: Apache-2.0
// The data of a failed linear map y = x W^T + b, all steps together.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "diagnose/bench.h"

namespace plumbline {

/// The data of all steps, row after row.
struct LinearData {
  int64_t rows = 0, depth = 0, columns = 0;
  std::vector<double> x, stored, replayed;  // [rows,depth], [rows,columns] twice
  const std::vector<double>* weight = nullptr;

  double residual(int64_t row, int64_t column) const {
    const auto i = static_cast<size_t>(row * columns + column);
    return stored[i] - replayed[i];
  }
};
/// Without rows where a value is not finite, or nothing was stored.
LinearData linear_data(const Bench& bench);

/// Columns that take part in a regression: all, or evenly spread.
std::vector<int64_t> sampled_columns(int64_t columns, int64_t most);

/// Whether weight(row, k), in place of the op's, leaves at most 1 / `times` of the residual of a few output columns.
bool explains_some_rows(const LinearData& data, const std::function<double(int64_t, int64_t)>& weight, double times);

}  // namespace plumbline
