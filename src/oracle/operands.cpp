// SPDX-License-Identifier: Apache-2.0
#include "oracle/operands.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace plumbline {
namespace {

using Format = double (*)(double);

/// On any number: to f32 first, as it would be held.
double cut_to_tf32(double value) {
  if (!std::isfinite(value)) return value;
  return static_cast<double>(
      std::bit_cast<float>(std::bit_cast<uint32_t>(static_cast<float>(value)) & ~uint32_t{0x1FFF}));
}

double rounded_to_f16(double value) { return round_to(DType::f16, value); }

Format format_of(const Contract& contract) {
  if (contract.name == "linear/tf32") return cut_to_tf32;
  if (contract.name == "linear/f16") return rounded_to_f16;
  return nullptr;
}

}  // namespace

bool changes_operands(const Contract& contract) { return format_of(contract) != nullptr; }

void take_operands(const Contract& contract, Array& values, Array& bounds) {
  const Format format = format_of(contract);
  if (format == nullptr) return;
  for (size_t i = 0; i < values.values.size(); ++i) {
    const double given = values.values[i], taken = format(given);
    values.values[i] = taken;
    if (bounds.values.empty()) continue;
    double& bound = bounds.values[i];
    bound = std::max(format(given + bound) - taken, taken - format(given - bound));
  }
}

}  // namespace plumbline
