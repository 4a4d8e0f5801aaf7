// SPDX-License-Identifier: Apache-2.0
// attn_scores: q k^T per head; attn_context: p v per head. Contract attention/eager: f32 sums in any order, one
// rounding each. Query heads map to key-value heads by attribute kv_map: "block" h / (H/KV), "modulo" h % KV.
#include <plumbline/error.h>

#include "oracle/ordered_product.h"

namespace plumbline {
namespace {

struct HeadMap {
  int64_t heads, kv_heads;
  bool modulo;
  int64_t operator()(int64_t head) const { return modulo ? head % kv_heads : head / (heads / kv_heads); }
};

HeadMap head_map(const OracleCall& call) {
  const Shape& left = call.input(0).shape;
  const Shape& right = call.input(1).shape;
  if (left.size() != 4 || left[0] != 1) call.misfit("the first operand must be [1, heads, tokens, width]", left);
  if (right.size() != 4 || right[0] != 1) call.misfit("the second operand must be [1, heads, keys, width]", right);
  if (right[1] == 0 || left[1] % right[1] != 0) call.misfit("key-value heads must divide the query heads", right);
  const std::string& name = text(call.op, "kv_map");
  if (name != "block" && name != "modulo") {
    throw InputError("unknown map from query to key-value heads", {"op      " + call.op.name, "kv_map  " + name},
                     "known: block, modulo");
  }
  return {left[1], right[1], name == "modulo"};
}

const double* offset_or_null(const OracleCall& call, size_t input, int64_t offset) {
  return call.has_bounds(input) ? call.in.input_bounds[input].values.data() + offset : nullptr;
}

/// One product per query head: [tokens, terms] with the head's slice of the other operand.
std::vector<Evaluated> products_per_head(const OracleCall& call, Right right) {
  const HeadMap map = head_map(call);
  const Shape left_shape = call.input(0).shape, right_shape = call.input(1).shape;
  const int64_t tokens = left_shape[2], terms = left_shape[3];
  const int64_t rows = right_shape[2], columns = right_shape[3];
  if (terms != (right == Right::transposed ? columns : rows)) call.misfit("the operands' widths differ", left_shape);
  const int64_t width = right == Right::transposed ? rows : columns;

  TapWriter out = result_writer(call, 0, {1, map.heads, tokens, width});
  size_t element = 0;
  for (int64_t head = 0; head < map.heads; ++head) {
    const int64_t left_at = head * tokens * terms, right_at = map(head) * rows * columns;
    ProductOperands operands{{call.input(0).values.data() + left_at, tokens, terms},
                             {call.input(1).values.data() + right_at, rows, columns},
                             offset_or_null(call, 0, left_at),
                             offset_or_null(call, 1, right_at),
                             right};
    const ProductResult result = product(operands, call.needs_errors(), call.options.threads);
    ProductElements elements(call, operands, result, false);
    for (size_t i = 0; i < result.sums.size(); ++i) out.put(element++, elements(i, 0.0));
  }
  std::vector<Evaluated> all;
  all.push_back(out.take(false));
  return all;
}

}  // namespace

std::vector<Evaluated> evaluate_attn_scores(const OracleCall& call) {
  return products_per_head(call, Right::transposed);
}

std::vector<Evaluated> evaluate_attn_context(const OracleCall& call) { return products_per_head(call, Right::as_is); }

}  // namespace plumbline
