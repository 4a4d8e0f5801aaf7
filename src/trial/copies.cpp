// SPDX-License-Identifier: Apache-2.0
#include "trial/copies.h"

namespace plumbline::trial {
namespace {

float at(const Array& array, int64_t index) { return static_cast<float>(array.values[static_cast<size_t>(index)]); }

std::vector<float> embedded(const Case& c) {
  const int64_t width = c.in.parameters[0].shape[1];
  const auto scale = static_cast<float>(number(c.op, "scale"));
  std::vector<float> out;
  for (const double token : c.in.inputs[0].values)
    for (int64_t i = 0; i < width; ++i)
      out.push_back(at(c.in.parameters[0], static_cast<int64_t>(token) * width + i) * scale);
  return out;
}

/// [1, outer, inner, width] to [1, inner, outer, width].
std::vector<float> exchanged(const Array& x, int64_t outer, int64_t inner) {
  const int64_t width = element_count(x.shape) / (outer * inner);
  std::vector<float> out;
  for (int64_t i = 0; i < inner; ++i)
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t k = 0; k < width; ++k) out.push_back(at(x, (o * inner + i) * width + k));
  return out;
}

std::vector<float> appended(const Case& c) {
  const Array& x = c.in.inputs[0];
  const int64_t heads = x.shape[1], added = x.shape[2] * x.shape[3];
  const int64_t kept = c.in.past ? c.in.past->shape[2] * x.shape[3] : 0;
  std::vector<float> out;
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t i = 0; i < kept; ++i) out.push_back(at(*c.in.past, head * kept + i));
    for (int64_t i = 0; i < added; ++i) out.push_back(at(x, head * added + i));
  }
  return out;
}

}  // namespace

std::vector<float> copied(const Case& c) {
  const Array& x = c.in.inputs[0];
  switch (c.op.kind) {
    case OpKind::embedding: return embedded(c);
    case OpKind::split_heads: return exchanged(x, x.shape[1], integer(c.op, "heads"));
    case OpKind::merge_heads: return exchanged(x, x.shape[1], x.shape[2]);
    default: return appended(c);
  }
}

}  // namespace plumbline::trial
