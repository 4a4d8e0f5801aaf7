// SPDX-License-Identifier: Apache-2.0
// Indices and windows of values.
#include "locate/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "locate/selection.h"

namespace plumbline {
namespace {

constexpr int64_t kNeighbours = 2;

struct Slot {
  const StepPair* pair = nullptr;
  size_t at = 0;  // index into positions and rows
};

Slot slot_of(const Alignment& alignment, int64_t candidate_step, int64_t row) {
  for (const StepPair& pair : alignment.pairs) {
    if (pair.candidate_step != candidate_step) continue;
    if (row < 0) return {&pair, 0};
    const auto found = std::find(pair.candidate_rows.begin(), pair.candidate_rows.end(), row);
    if (found != pair.candidate_rows.end()) return {&pair, static_cast<size_t>(found - pair.candidate_rows.begin())};
  }
  return {};
}

StoredValue stored_at(const std::optional<Tensor>& tap, const Shape& index, int64_t column) {
  StoredValue value;
  if (!tap || index.size() != tap->shape().size() || index.empty()) return value;
  Shape at = index;
  at.back() = column;
  for (size_t axis = 0; axis < at.size(); ++axis)
    if (at[axis] < 0 || at[axis] >= tap->shape()[axis]) return value;
  const int64_t flat = flatten(at, tap->shape());
  value.value = tap->view().at(flat);
  value.bits = bits_text(tap->dtype(), tap->data() + static_cast<size_t>(flat) * element_bytes(tap->dtype()));
  value.present = true;
  return value;
}

std::optional<Tensor> tap_of(const Trace& trace, const std::string& path, int64_t step) {
  const TapEntry* entry = trace.find(path, step);
  return entry == nullptr ? std::nullopt : std::optional(trace.read(*entry));
}

void measure(ValueWindow& window) {
  const StoredValue& candidate = window.candidate[window.marked];
  const StoredValue& reference = window.reference[window.marked];
  const bool replayed = !window.replay.empty();
  if (!candidate.present || (!replayed && !reference.present)) return;
  const double expected = replayed ? window.replay[window.marked] : reference.value;
  window.off_by = candidate.value - expected;
  const double spacing = is_floating(window.candidate_dtype) ? ulp(window.candidate_dtype, expected) : 1.0;
  window.off_ulps = std::isfinite(window.off_by) && spacing > 0 ? std::fabs(window.off_by) / spacing : window.off_by;
}

}  // namespace

std::string bits_text(DType dtype, const std::byte* element) {
  std::string digits;
  for (size_t i = element_bytes(dtype); i-- > 0;) digits += fmt::format("{:02x}", static_cast<unsigned>(element[i]));
  return "0x" + digits;
}

Place place_of(const Context& context, const std::string& path, int64_t candidate_step, int64_t flat) {
  Place place;
  place.tap = path;
  place.candidate_step = candidate_step;
  const auto usable = context.pairing.usable.find(path);
  if (usable != context.pairing.usable.end()) place.axes = usable->second;
  const TapEntry* entry = context.candidate_trace.find(path, candidate_step);
  if (entry == nullptr) return place;
  place.candidate_index = unflatten(std::max<int64_t>(flat, 0), entry->shape);
  const auto token = std::find(place.axes.begin(), place.axes.end(), "token");
  const auto axis = static_cast<size_t>(token - place.axes.begin());
  const bool has_rows = token != place.axes.end();
  const Slot slot = slot_of(context.alignment, candidate_step, has_rows ? place.candidate_index[axis] : -1);
  if (slot.pair == nullptr) {
    place.reference_step = -1;
    return place;
  }
  place.reference_step = slot.pair->reference_step;
  place.reference_index = place.candidate_index;
  if (has_rows) {
    place.position = slot.pair->positions[slot.at];
    place.reference_index[axis] = slot.pair->reference_rows[slot.at];
  }
  return place;
}

std::optional<ValueWindow> window_at(const Context& context, const Place& place, const Evaluated* replay) {
  if (place.candidate_index.empty()) return std::nullopt;
  const std::optional<Tensor> candidate = tap_of(context.candidate_trace, place.tap, place.candidate_step);
  const std::optional<Tensor> reference = tap_of(context.reference_trace, place.tap, place.reference_step);
  if (!candidate) return std::nullopt;
  ValueWindow window;
  window.axis = place.axes.empty() ? "index" : place.axes.back();
  window.candidate_dtype = candidate->dtype();
  window.reference_dtype = reference ? reference->dtype() : candidate->dtype();
  const int64_t extent = candidate->shape().back(), centre = place.candidate_index.back();
  const int64_t first =
      std::clamp<int64_t>(centre - kNeighbours, 0, std::max<int64_t>(0, extent - 2 * kNeighbours - 1));
  for (int64_t column = first; column < std::min(extent, first + 2 * kNeighbours + 1); ++column) {
    if (column == centre) window.marked = window.columns.size();
    window.columns.push_back(column);
    window.candidate.push_back(stored_at(candidate, place.candidate_index, column));
    window.reference.push_back(stored_at(reference, place.reference_index, column));
    if (replay == nullptr) continue;
    Shape at = place.candidate_index;
    at.back() = column;
    window.replay.push_back(replay->rounded[static_cast<size_t>(flatten(at, replay->exact.shape))]);
  }
  measure(window);
  return window;
}

}  // namespace plumbline
