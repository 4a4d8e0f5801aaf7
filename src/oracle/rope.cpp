// SPDX-License-Identifier: Apache-2.0
// rope: x * cos + rot(x) * sin. Contracts rope/neox-t (both products and the sum rounded to T: one right result),
// rope/neox-f32 and rope/interleaved-f32 (f32, rounded once). Attribute pairing: "half" rotates (i, i + D/2) by the
// angles of table columns i and i + D/2; "interleaved" rotates (2i, 2i+1), both by column i. D is the table's width:
// channels behind it are copied.
#include <plumbline/error.h>

#include "oracle/output.h"

namespace plumbline {
namespace {

struct Partner {
  int64_t channel;  ///< whose value is rotated in
  double sign;
  int64_t column;  ///< of the tables
};

Partner partner(bool interleaved, int64_t channel, int64_t width) {
  if (interleaved)
    return channel % 2 == 0 ? Partner{channel + 1, -1.0, channel / 2} : Partner{channel - 1, 1.0, channel / 2};
  const int64_t half = width / 2;
  return channel < half ? Partner{channel + half, -1.0, channel} : Partner{channel - half, 1.0, channel};
}

bool is_interleaved(const Op& op) {
  const std::string& pairing = text(op, "pairing");
  if (pairing != "half" && pairing != "interleaved") {
    throw InputError("unknown pairing of rotated channels", {"op       " + op.name, "pairing  " + pairing},
                     "known: half, interleaved");
  }
  return pairing == "interleaved";
}

class Rotation {
 public:
  explicit Rotation(const OracleCall& call) : grid_(call.contract.grid("cos")), model_(call.model_dtype) {}

  /// One product, on the grid where the contract leaves it.
  Uncertain product(const Uncertain& x, const Uncertain& factor, double sign) const {
    const double value = sign * x.value * factor.value;
    if (!std::isfinite(value)) return {value, 0.0, 0.0};
    Uncertain v{value, x.error * std::fabs(factor.value) + factor.error * std::fabs(x.value) + x.error * factor.error,
                std::hypot(x.sigma * factor.value, factor.sigma * x.value)};
    if (grid_ == Grid::model) {
      if (v.error == 0.0) return {model_.round(as_f32(value)), 0.0, 0.0};
      return round_stage(model_, in_f32_range(v));
    }
    return in_f32_range(with_rounding(v));
  }
  Uncertain sum(const Uncertain& a, const Uncertain& b) const {
    const Uncertain v{a.value + b.value, a.error + b.error, std::hypot(a.sigma, b.sigma)};
    if (!std::isfinite(v.value)) return {v.value, 0.0, 0.0};
    if (grid_ == Grid::model && v.error == 0.0) return {as_f32(v.value), 0.0, 0.0};
    return in_f32_range(with_rounding(v));
  }
  bool one_right_result() const { return grid_ == Grid::model; }

 private:
  /// An f32 operation that may be fused with its neighbour: at most one rounding.
  static Uncertain with_rounding(Uncertain v) {
    if (v.value == 0.0) return v;
    const double rounding = std::fabs(v.value) * kUnitF32 + kTinyF32;
    return {v.value, v.error + rounding, std::hypot(v.sigma, 0.4 * rounding)};
  }
  Grid grid_;
  Rounder model_;
};

}  // namespace

std::vector<Evaluated> evaluate_rope(const OracleCall& call) {
  const Shape shape = call.input(0).shape;
  if (shape.size() != 4 || shape[0] != 1 || shape[3] % 2 != 0)
    call.misfit("the input must be [1, heads, tokens, even width]", shape);
  const int64_t heads = shape[1], tokens = shape[2], channels = shape[3];
  const int64_t width = call.input(1).shape.empty() ? 0 : call.input(1).shape.back();
  for (const size_t table : {size_t{1}, size_t{2}}) {
    if (width < 2 || width % 2 != 0 || width > channels || call.input(table).shape != Shape{1, tokens, width})
      call.misfit("table of angles", call.input(table).shape);
  }
  const Shape turned{1, heads, tokens, width};
  const bool interleaved = is_interleaved(call.op);
  const Rotation rotation(call);
  TapWriter out = result_writer(call, 0, shape), straight = inner_writer(call, "_cos", "cos", turned),
            rotated = inner_writer(call, "_rot_sin", "rot_sin", turned);
  for (int64_t row = 0; row < heads * tokens; ++row) {
    for (int64_t channel = 0; channel < width; ++channel) {
      const Partner other = partner(interleaved, channel, width);
      const auto at = static_cast<size_t>(row * width + channel), from = static_cast<size_t>(row * channels + channel);
      const auto other_at = static_cast<size_t>(row * channels + other.channel);
      const auto angle = static_cast<size_t>(row % tokens * width + other.column);
      const Uncertain a = call.taken(rotation.product(call.element(0, from), call.element(1, angle), 1.0), "cos", at);
      const Uncertain b =
          call.taken(rotation.product(call.element(0, other_at), call.element(2, angle), other.sign), "rot_sin", at);
      straight.put(at, a);
      rotated.put(at, b);
      out.put(from, rotation.sum(a, b));
    }
    for (int64_t channel = width; channel < channels; ++channel) {
      const auto at = static_cast<size_t>(row * channels + channel);
      out.put(at, call.element(0, at));
    }
  }
  const bool given = !call.has_bounds(0) && !call.has_bounds(1) && !call.has_bounds(2);
  const bool exact_class = rotation.one_right_result() && given;
  std::vector<Evaluated> all;
  all.push_back(out.take(exact_class));
  if (straight.wanted()) all.push_back(straight.take(exact_class));
  if (rotated.wanted()) all.push_back(rotated.take(exact_class));
  return all;
}

}  // namespace plumbline
