// SPDX-License-Identifier: Apache-2.0
// Rope scaling as attributes of an op, in one place: written by the builder, read by every interpreter.
#include <algorithm>
#include <array>
#include <cmath>

#include <plumbline/error.h>
#include <plumbline/op_graph.h>

#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr std::string_view kScaling = "scaling", kLlama3 = "llama3", kLinear = "linear", kLongrope = "longrope";
constexpr std::string_view kFactor = "factor", kLow = "low_freq_factor", kHigh = "high_freq_factor",
                           kOriginal = "original_positions", kShortFactors = "short_factors",
                           kLongFactors = "long_factors", kAttention = "attention_factor";

double above_zero(const Op& op, std::string_view key) {
  const double value = number(op, key);
  if (std::isfinite(value) && value > 0.0) return value;
  throw InputError("an attribute of rope scaling must be above 0",
                   {"op         " + op.name, "attribute  " + std::string(key), "value      " + std::to_string(value)},
                   "");
}

std::vector<double> all_above_zero(const Op& op, std::string_view key) {
  const std::vector<double>& values = numbers(op, key);
  const bool fits = static_cast<int64_t>(values.size()) * 2 == integer(op, "head_dim");
  if (fits && std::ranges::all_of(values, [](double value) { return std::isfinite(value) && value > 0.0; }))
    return values;
  throw InputError(
      "rope scaling needs a factor above 0 for each pair of channels",
      {"op         " + op.name, "attribute  " + std::string(key), "factors    " + std::to_string(values.size()),
       "channels   " + std::to_string(integer(op, "head_dim"))},
      "");
}

RopeScaling longrope(const Op& op) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::longrope;
  scaling.original_positions = above_zero(op, kOriginal);
  scaling.attention_factor = above_zero(op, kAttention);
  scaling.short_factors = all_above_zero(op, kShortFactors);
  scaling.long_factors = all_above_zero(op, kLongFactors);
  return scaling;
}

}  // namespace

std::optional<RopeScaling> rope_scaling(const Op& op) {
  if (!op.attributes.contains(kScaling)) return std::nullopt;
  if (text(op, kScaling) == kLinear) return linear_scaling(above_zero(op, kFactor));
  if (text(op, kScaling) == kLongrope) return longrope(op);
  if (text(op, kScaling) != kLlama3) {
    throw InputError("an op asks for an unknown rope scaling",
                     {"op       " + op.name, "scaling  '" + printable(text(op, kScaling)) + "'",
                      "known    llama3, linear, longrope"},
                     "");
  }
  RopeScaling scaling;
  scaling.factor = above_zero(op, kFactor);
  scaling.low_freq_factor = above_zero(op, kLow);
  scaling.high_freq_factor = above_zero(op, kHigh);
  scaling.original_positions = above_zero(op, kOriginal);
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    throw InputError("rope scaling needs high_freq_factor above low_freq_factor",
                     {"op    " + op.name, "low   " + std::to_string(scaling.low_freq_factor),
                      "high  " + std::to_string(scaling.high_freq_factor)},
                     "");
  }
  return scaling;
}

void set_rope_scaling(Op& op, const RopeScaling& scaling) {
  const auto set = [&](std::string_view key, Attribute value) {
    op.attributes.insert_or_assign(std::string(key), std::move(value));
  };
  clear_rope_scaling(op);
  switch (scaling.kind) {
    case RopeScaling::Kind::linear:
      set(kScaling, std::string(kLinear));
      set(kFactor, scaling.factor);
      return;
    case RopeScaling::Kind::longrope:
      set(kScaling, std::string(kLongrope));
      set(kOriginal, scaling.original_positions);
      set(kAttention, scaling.attention_factor);
      set(kShortFactors, scaling.short_factors);
      set(kLongFactors, scaling.long_factors);
      return;
    case RopeScaling::Kind::llama3:
      set(kScaling, std::string(kLlama3));
      set(kFactor, scaling.factor);
      set(kLow, scaling.low_freq_factor);
      set(kHigh, scaling.high_freq_factor);
      set(kOriginal, scaling.original_positions);
  }
}

void clear_rope_scaling(Op& op) {
  for (const std::string_view key :
       {kScaling, kFactor, kLow, kHigh, kOriginal, kShortFactors, kLongFactors, kAttention}) {
    const auto found = op.attributes.find(key);
    if (found != op.attributes.end()) op.attributes.erase(found);
  }
}

}  // namespace plumbline
