// SPDX-License-Identifier: Apache-2.0
// split_heads, merge_heads, kv_append: values move, none changes. Contract layout/copy: bit for bit.
#include "oracle/output.h"

namespace plumbline {
namespace {

/// Result in the tap's own format; element `to` comes from element `from` of the input.
class Copier {
 public:
  Copier(const OracleCall& call, Shape shape) : call_(call), out_(result_writer(call, 0, std::move(shape))) {}
  void copy(int64_t to, int64_t from) {
    out_.put(static_cast<size_t>(to), call_.element(0, static_cast<size_t>(from)));
  }
  void put(int64_t to, const Uncertain& v) { out_.put(static_cast<size_t>(to), v); }
  std::vector<Evaluated> take(bool exact_class) {
    std::vector<Evaluated> all;
    all.push_back(out_.take(exact_class));
    return all;
  }

 private:
  const OracleCall& call_;
  TapWriter out_;
};

/// [1, S, n, D] (or [1, S, n*D]) to [1, n, S, D], or back.
std::vector<Evaluated> transpose_heads(const OracleCall& call, Shape shape, int64_t tokens, int64_t heads,
                                       int64_t width, bool split) {
  Copier copier(call, std::move(shape));
  for (int64_t token = 0; token < tokens; ++token) {
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t by_token = (token * heads + head) * width, by_head = (head * tokens + token) * width;
      for (int64_t i = 0; i < width; ++i)
        copier.copy((split ? by_head : by_token) + i, (split ? by_token : by_head) + i);
    }
  }
  return copier.take(!call.has_bounds(0));
}

}  // namespace

std::vector<Evaluated> evaluate_split_heads(const OracleCall& call) {
  const Shape& shape = call.input(0).shape;
  const int64_t heads = integer(call.op, "heads");
  if (shape.size() < 3 || shape[0] != 1 || heads <= 0) call.misfit("the input must be [1, tokens, ...]", shape);
  const int64_t tokens = shape[1], per_token = tokens == 0 ? 0 : element_count(shape) / tokens;
  if (per_token % heads != 0 || (shape.size() == 4 && shape[2] != heads)) call.misfit("heads do not divide it", shape);
  const int64_t width = per_token / heads;
  return transpose_heads(call, {1, heads, tokens, width}, tokens, heads, width, true);
}

std::vector<Evaluated> evaluate_merge_heads(const OracleCall& call) {
  const Shape shape = call.input(0).shape;
  if (shape.size() != 4 || shape[0] != 1) call.misfit("the input must be [1, heads, tokens, width]", shape);
  const int64_t heads = shape[1], tokens = shape[2], width = shape[3];
  return transpose_heads(call, {1, tokens, heads * width}, tokens, heads, width, false);
}

std::vector<Evaluated> evaluate_kv_append(const OracleCall& call) {
  const Shape shape = call.input(0).shape;
  if (shape.size() != 4 || shape[0] != 1) call.misfit("the input must be [1, heads, tokens, width]", shape);
  const bool has_past = call.in.past && !call.in.past->values.empty();
  const Shape past = has_past ? call.in.past->shape : Shape{1, shape[1], 0, shape[3]};
  if (past.size() != 4 || past[1] != shape[1] || past[3] != shape[3]) call.misfit("the cache does not fit", past);
  const bool past_bounds = has_past && call.in.past_bounds && !call.in.past_bounds->values.empty();
  const int64_t heads = shape[1], tokens = shape[2], width = shape[3], keys = past[2] + tokens;
  Copier copier(call, {1, heads, keys, width});
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t i = 0; i < past[2] * width; ++i) {
      const auto from = static_cast<size_t>(head * past[2] * width + i);
      const double bound = past_bounds ? call.in.past_bounds->values[from] : 0.0;
      copier.put(head * keys * width + i, {call.in.past->values[from], bound, 0.5 * bound});
    }
    for (int64_t i = 0; i < tokens * width; ++i)
      copier.copy((head * keys + past[2]) * width + i, head * tokens * width + i);
  }
  return copier.take(!call.has_bounds(0) && !past_bounds);
}

}  // namespace plumbline
