// SPDX-License-Identifier: Apache-2.0
// Rope scaling as attributes of an op, in one place: written by the builder, read by every interpreter.
#include <array>
#include <cmath>

#include <plumbline/error.h>
#include <plumbline/op_graph.h>

#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr std::string_view kScaling = "scaling", kLlama3 = "llama3";
constexpr std::string_view kFactor = "factor", kLow = "low_freq_factor", kHigh = "high_freq_factor",
                           kOriginal = "original_positions";

double above_zero(const Op& op, std::string_view key) {
  const double value = number(op, key);
  if (std::isfinite(value) && value > 0.0) return value;
  throw InputError("an attribute of rope scaling must be above 0",
                   {"op         " + op.name, "attribute  " + std::string(key), "value      " + std::to_string(value)},
                   "");
}

}  // namespace

std::optional<RopeScaling> rope_scaling(const Op& op) {
  if (!op.attributes.contains(kScaling)) return std::nullopt;
  if (text(op, kScaling) != kLlama3) {
    throw InputError("an op asks for an unknown rope scaling",
                     {"op       " + op.name, "scaling  '" + printable(text(op, kScaling)) + "'", "known    llama3"},
                     "");
  }
  const RopeScaling scaling{above_zero(op, kFactor), above_zero(op, kLow), above_zero(op, kHigh),
                            above_zero(op, kOriginal)};
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    throw InputError("rope scaling needs high_freq_factor above low_freq_factor",
                     {"op    " + op.name, "low   " + std::to_string(scaling.low_freq_factor),
                      "high  " + std::to_string(scaling.high_freq_factor)},
                     "");
  }
  return scaling;
}

void set_rope_scaling(Op& op, const RopeScaling& scaling) {
  op.attributes.insert_or_assign(std::string(kScaling), std::string(kLlama3));
  op.attributes.insert_or_assign(std::string(kFactor), scaling.factor);
  op.attributes.insert_or_assign(std::string(kLow), scaling.low_freq_factor);
  op.attributes.insert_or_assign(std::string(kHigh), scaling.high_freq_factor);
  op.attributes.insert_or_assign(std::string(kOriginal), scaling.original_positions);
}

void clear_rope_scaling(Op& op) {
  for (const std::string_view key : {kScaling, kFactor, kLow, kHigh, kOriginal}) {
    const auto found = op.attributes.find(key);
    if (found != op.attributes.end()) op.attributes.erase(found);
  }
}

}  // namespace plumbline
