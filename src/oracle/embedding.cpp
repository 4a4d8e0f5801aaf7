// SPDX-License-Identifier: Apache-2.0
// embedding: rows of the table. Contract embedding/copy: a copy, or with a scale s != 1 the f32 product with f32(s),
// rounded to T: two roundings in a fixed order, so still one right result.
#include <plumbline/error.h>

#include "oracle/output.h"

namespace plumbline {
namespace {

int64_t row_of(const OracleCall& call, double token, int64_t rows) {
  if (token >= 0.0 && token < static_cast<double>(rows)) return static_cast<int64_t>(token);
  throw InputError("a token is outside the vocabulary",
                   {"op     " + call.op.name, "token  " + std::to_string(static_cast<int64_t>(token)),
                    "rows   " + std::to_string(rows)},
                   "use the tokenizer of this model");
}

}  // namespace

std::vector<Evaluated> evaluate_embedding(const OracleCall& call) {
  const Array& tokens = call.input(0);
  const Array& table = call.parameter(0);
  if (table.shape.size() != 2) call.misfit("the table must be a matrix", table.shape);
  const int64_t rows = table.shape[0], width = table.shape[1];
  const double scale = as_f32(number(call.op, "scale"));
  TapWriter out = result_writer(call, 0, {1, static_cast<int64_t>(tokens.values.size()), width});
  size_t element = 0;
  for (const double token : tokens.values) {
    const double* row = table.values.data() + row_of(call, token, rows) * width;
    for (int64_t i = 0; i < width; ++i) out.put(element++, {scale == 1.0 ? row[i] : as_f32(row[i] * scale), 0.0, 0.0});
  }
  std::vector<Evaluated> all;
  all.push_back(out.take(true));
  return all;
}

}  // namespace plumbline
