// SPDX-License-Identifier: Apache-2.0
#include "locate/growth_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace plumbline {
namespace {

struct Place {
  double error = 0.0, exact = 0.0;  // sums of squares
  bool off = false;
  double relative() const { return exact > 0.0 ? std::sqrt(error / exact) : 0.0; }
};

std::vector<Place> places_along(const Evaluated& result, const TensorView& stored, size_t axis) {
  std::vector<Place> places(static_cast<size_t>(stored.shape[axis]));
  int64_t inner = 1;
  for (size_t k = axis + 1; k < stored.shape.size(); ++k) inner *= stored.shape[k];
  for (size_t i = 0; i < result.rounded.size(); ++i) {
    const double value = stored.at(static_cast<int64_t>(i)), exact = result.exact.values[i];
    Place& place = places[static_cast<size_t>(static_cast<int64_t>(i) / inner % stored.shape[axis])];
    if (value != result.rounded[i] && !(std::isnan(value) && std::isnan(result.rounded[i]))) place.off = true;
    if (!std::isfinite(value) || !std::isfinite(exact)) continue;
    place.error += (value - exact) * (value - exact);
    place.exact += exact * exact;
  }
  return places;
}

double mean_of(const std::vector<Place>& places, size_t begin, size_t end) {
  double sum = 0.0;
  for (size_t i = begin; i < end; ++i) sum += places[i].relative();
  return sum / static_cast<double>(end - begin);
}

}  // namespace

std::string growth_evidence(const Evaluated& result, const TensorView& stored, size_t axis, const std::string& name) {
  const std::vector<Place> places = places_along(result, stored, axis);
  const size_t count = places.size();
  if (count < 4 || places.front().off) return "";
  const auto off = static_cast<size_t>(std::ranges::count_if(places, [](const Place& place) { return place.off; }));
  if (off * 4 < (count - 1) * 3) return "";
  const size_t middle = 1 + (count - 1) / 2;
  const bool grows = mean_of(places, middle, count) > mean_of(places, 1, middle);
  if (!grows) return fmt::format("\"{}\" 0 is exact, {} of the other {} are not", name, off, count - 1);
  return fmt::format("\"{}\" 0 is exact, and the error grows along the axis: {:.2g} at 1, {:.2g} at {}, {:.2g} at {}",
                     name, places[1].relative(), places[middle].relative(), middle, places.back().relative(),
                     count - 1);
}

}  // namespace plumbline
