// SPDX-License-Identifier: Apache-2.0
#include "locate/one_buffer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

namespace plumbline {
namespace {

using Layers = std::vector<const TapEntry*>;  // one tap of one step, of all layers that have it

std::string local_path(const TapEntry& tap) {
  const std::string prefix = fmt::format("layer.{}.", tap.layer);
  return tap.path.starts_with(prefix) ? tap.path.substr(prefix.size()) : tap.path;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.byte_size()) == 0;
}

/// Zeros, or a flood of one NaN, are equal in all layers without any buffer being shared.
bool is_constant(const Tensor& tensor) {
  const size_t size = element_bytes(tensor.dtype());
  return tensor.byte_size() <= size || std::memcmp(tensor.data(), tensor.data() + size, tensor.byte_size() - size) == 0;
}

enum class Kind { constant, same, different };

Kind kind_of(const Trace& trace, const Layers& layers) {
  const Tensor first = trace.read(*layers.front());
  if (!std::all_of(layers.begin(), layers.end(),
                   [&](const TapEntry* tap) { return same_bytes(first, trace.read(*tap)); }))
    return Kind::different;
  return is_constant(first) ? Kind::constant : Kind::same;
}

/// The same, if no tap of the step is different.
std::vector<std::string> shared_taps(const Trace& trace, const std::map<std::string, Layers>& taps) {
  std::vector<std::string> shared;
  for (const auto& [path, layers] : taps) {
    if (layers.size() < 2) continue;
    const Kind kind = kind_of(trace, layers);
    if (kind == Kind::different) return {};
    if (kind == Kind::same) shared.push_back(path);
  }
  return shared;
}

}  // namespace

std::string one_buffer(const Trace& trace) {
  std::map<int64_t, std::map<std::string, Layers>> steps;
  for (const TapEntry& tap : trace.taps())
    if (tap.layer >= 0) steps[tap.step][local_path(tap)].push_back(&tap);
  for (const auto& [step, taps] : steps) {
    const std::vector<std::string> shared = shared_taps(trace, taps);
    if (shared.empty()) continue;
    const size_t shown = std::min<size_t>(shared.size(), 3);
    return fmt::format("step {}: {}{} hold the same bytes in all {} layers", step,
                       fmt::join(shared.begin(), shared.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                       shown < shared.size() ? fmt::format(" and {} more", shared.size() - shown) : "",
                       taps.at(shared.front()).size());
  }
  return "";
}

}  // namespace plumbline
