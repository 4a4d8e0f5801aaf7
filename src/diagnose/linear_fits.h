// SPDX-License-Identifier: Apache-2.0
// Fits for linear maps y = x W^T + b, on the failed op's own data: rows of x [T,K], stored y [T,N].
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "diagnose/linear_data.h"
#include "diagnose/suspects.h"

namespace plumbline {

/// Mean over all rows of stored - replayed, per column; empty if the residual is not constant along the rows. Columns
/// whose values drown the product are taken as stored.
std::vector<double> column_means(const Bench& bench);

/// Whether the weight, in place of the op's, brings the residual of a few output columns down to a tenth.
bool explains_some_rows(const Bench& bench, const Tensor& weight);

struct Quantiser {
  std::string text;  ///< "int8, one scale per row"
  std::function<void(Array&)> apply;
};
const std::vector<Quantiser>& quantisers();
/// Integers of so many bits with a scale for each `group` of a row.
Quantiser group_quantiser(int bits, int64_t group);

using ResultEdit = std::function<void(std::vector<Evaluated>&, const OpInputs&, const StepFacts&)>;
/// Terms summed in f32 within steps of the inner dimension, the running sum rounded to `format` after each.
ResultEdit narrow_accumulator(DType format, int64_t step);
/// The inner dimension in equal parts, each sum rounded to `format`, their sum in f32.
ResultEdit split_partials(DType format, int64_t parts);

/// Parts of the inner dimension that are missing, or taken from another place of the weight: a regression of the
/// residual on what every tile, were it wrong, would change.
void suspect_tiles(const Bench& bench, Suspects& out);
/// Input channels whose weights are multiplied, left out or in another order.
void suspect_input_channels(const Bench& bench, Suspects& out);
/// One element of the weight that is wrong, or square blocks of it that are transposed.
void suspect_elements(const Bench& bench, Suspects& out);
/// Output channels in another order: which replayed column each stored column is.
void suspect_row_order(const Bench& bench, Suspects& out);

}  // namespace plumbline
