// SPDX-License-Identifier: Apache-2.0
#include "oracle/distribution.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "core/random.h"
#include "oracle/judge.h"
#include "oracle/uncertain.h"

namespace plumbline {
namespace {

constexpr double kFalseAlarms = 1e-9;  ///< per result, shared among all its slices
constexpr int64_t kFewest = 4;         ///< fewer in one slice are no pattern
constexpr int32_t kTileRows = 16, kTileColumns = 64;

/// Smallest k with P(Poisson(mean) > k) <= tail; past a mean of 500 Bernstein's bound for it.
int64_t poisson_limit_at(double mean, double tail) {
  if (!(mean > 0.0)) return 0;
  const double bits = -std::log(tail);
  if (mean > 500.0) return static_cast<int64_t>(std::ceil(mean + std::sqrt(2.0 * bits * mean) + 2.0 / 3.0 * bits));
  std::vector<double> terms{std::exp(-mean)};
  while (static_cast<double>(terms.size()) < mean || terms.back() > 1e-4 * tail)
    terms.push_back(terms.back() * mean / static_cast<double>(terms.size()));
  // Summed from the far end, where nothing cancels.
  double above = 0.0;
  for (size_t k = terms.size(); k-- > 1;)
    if ((above += terms[k]) > tail) return static_cast<int64_t>(k);
  return 0;
}

uint64_t identity(double exact, double stored) {
  const uint64_t state = SplitMix64(std::bit_cast<uint64_t>(exact)).next();
  return SplitMix64(state ^ std::bit_cast<uint64_t>(stored)).next();
}

}  // namespace

void Distribution::add_element(const Evaluated& oracle, size_t i, double stored, double spacing, Event event,
                               Row& row) {
  const double exact = oracle.exact.values[i], sigma = oracle.sigma[i], outward = exact < 0.0 ? -1.0 : 1.0;
  if (oracle.spread[i] != 0.0 && sigma >= spacing) {
    if (!oracle.turns.empty() && oracle.turns[i] != 0) return;
    const double error = (stored - exact) / sigma;
    ++fine_;
    fine_squares_ += error * error;
    row.outward += outward * error;
    row.upward += error;
    row.expected += 1.0;
    row.variance += 1.0;
    return;
  }
  event.expected = mismatch_expectation(oracle, Rounder(oracle.dtype), i);
  event.unequal = stored != oracle.rounded[i];
  if (event.expected == 0.0 && !event.unequal) return;
  if (event.unequal) {
    event.unequal = seen_.insert(identity(exact, stored)).second;
    const double places = event.unequal ? (stored - oracle.rounded[i]) / spacing : 0.0;
    row.outward += outward * places;
    row.upward += places;
    row.variance += places * places;
  }
  row.expected += event.expected;
  events_.push_back(event);
}

void Distribution::close(const Row& row) {
  sums_.outward += row.outward;
  sums_.upward += row.upward;
  sums_.expected += row.expected;
  sums_.variance += row.variance + row.expected * row.expected;
}

void Distribution::add(const Evaluated& oracle, const std::vector<double>& stored) {
  const Shape& shape = oracle.exact.shape;
  const size_t step = steps_++;
  shared_ = shared_ || oracle.sharing > 1;
  if (shape.empty() || shape.size() > 4 || stored.empty()) return;
  axes_ = oracle.spec->axes;
  if (axes_.size() != shape.size()) axes_.assign(shape.size(), "axis");
  const auto token = static_cast<size_t>(std::find(axes_.begin(), axes_.end(), "token") - axes_.begin());
  Event event;
  event.step = step;
  const int32_t before = token < axes_.size() ? extents_[token] : 0;
  if (token < axes_.size()) event.at[token] = before;
  const Rounder grid(oracle.dtype);
  const double mask = mask_magnitude(oracle.dtype);
  Row row;
  for (size_t i = 0; i < stored.size(); ++i) {
    event.index = static_cast<int64_t>(i);
    const bool plain = std::isfinite(stored[i]) && std::fabs(oracle.rounded[i]) < mask && oracle.escapes[i] == 0 &&
                       !std::isinf(oracle.bound[i]);
    if (plain) add_element(oracle, i, stored[i], grid.spacing(oracle.rounded[i]), event, row);
    size_t axis = shape.size();
    while (axis-- > 0) {
      const int32_t start = axis == token ? before : 0;
      if (++event.at[axis] < start + static_cast<int32_t>(shape[axis])) break;
      event.at[axis] = start;
    }
    if (axis + 1 != shape.size()) close(std::exchange(row, Row{}));
  }
  for (size_t axis = 0; axis < shape.size(); ++axis)
    extents_[axis] = std::max(extents_[axis], (axis == token ? before : 0) + static_cast<int32_t>(shape[axis]));
}

double Distribution::loudness() const {
  return fine_ == 0 ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(fine_squares_ / static_cast<double>(fine_));
}

double Distribution::bias(double systematic) const {
  const auto passes = [&](double sum) {
    const double beyond = std::fabs(sum) - systematic * sums_.expected;
    return beyond > 0.0 ? std::copysign(beyond / std::sqrt(sums_.variance), sum) : 0.0;
  };
  const double outward = passes(sums_.outward), upward = passes(sums_.upward);
  return std::fabs(outward) >= std::fabs(upward) ? outward : upward;
}

std::vector<Distribution::Cut> Distribution::cuts() const {
  const auto token = static_cast<size_t>(std::find(axes_.begin(), axes_.end(), "token") - axes_.begin());
  std::vector<Cut> all;
  Cut column, tile;
  for (size_t axis = 0; axis < axes_.size(); ++axis) {
    if (extents_[axis] < 2) continue;
    Cut one;
    one.width[axis] = 1;
    all.push_back(one);
    if (token < axes_.size() && axis > token) column.width[axis] = 1;
    const bool last = axis + 1 == axes_.size();
    tile.width[axis] = axis == token ? kTileRows : last ? kTileColumns : 1;
  }
  for (const Cut& cut : {column, tile}) {
    const auto same = [&](const Cut& other) { return other.width == cut.width; };
    const bool any = std::any_of(cut.width.begin(), cut.width.end(), [](int32_t width) { return width > 0; });
    if (any && std::none_of(all.begin(), all.end(), same)) all.push_back(cut);
  }
  return all;
}

double Distribution::slices_of(const Cut& cut) const {
  double slices = 1.0;
  for (size_t axis = 0; axis < axes_.size(); ++axis)
    if (cut.width[axis] > 0) slices *= std::ceil(static_cast<double>(extents_[axis]) / cut.width[axis]);
  return slices;
}

std::string Distribution::name_of(const Cut& cut, const Key& key) const {
  std::string name;
  for (size_t axis = 0; axis < axes_.size(); ++axis) {
    if (cut.width[axis] == 0) continue;
    const int32_t first = key[axis] * cut.width[axis], last = std::min(first + cut.width[axis], extents_[axis]) - 1;
    name += (name.empty() ? "" : ", ") + axes_[axis] + " " + std::to_string(first);
    if (last > first) name += ".." + std::to_string(last);
  }
  return name;
}

std::map<Distribution::Key, Excess> Distribution::crowded(const Cut& cut) const {
  std::map<Key, Excess> slices;
  const auto key_of = [&](const Event& event) {
    Key key{};
    for (size_t axis = 0; axis < key.size(); ++axis)
      key[axis] = cut.width[axis] > 0 ? event.at[axis] / cut.width[axis] : 0;
    return key;
  };
  for (const Event& event : events_) {
    if (!event.unequal) continue;
    Excess& slice = slices[key_of(event)];
    if (slice.mismatches++ > 0) continue;
    slice.step = event.step;
    slice.first = event.index;
  }
  std::erase_if(slices, [](const auto& slice) { return slice.second.mismatches < kFewest; });
  if (slices.empty()) return slices;
  for (const Event& event : events_)
    if (const auto found = slices.find(key_of(event)); found != slices.end()) found->second.expected += event.expected;
  return slices;
}

std::optional<Excess> Distribution::excess() const {
  const std::vector<Cut> all = cuts();
  double slices = 0.0;
  for (const Cut& cut : all) slices += slices_of(cut);
  std::optional<Excess> worst;
  for (const Cut& cut : all) {
    if (shared_ && cut.width[axes_.size() - 1] != 1) continue;
    for (auto& [key, slice] : crowded(cut)) {
      slice.allowed = std::max(poisson_limit_at(kMargin * slice.expected, kFalseAlarms / slices), kFewest - 1);
      const int64_t beyond = slice.mismatches - slice.allowed;
      if (beyond <= 0 || (worst && beyond <= worst->mismatches - worst->allowed)) continue;
      slice.slice = name_of(cut, key);
      worst = slice;
    }
  }
  return worst;
}

double systematic_share(const Contract& contract) {
  // A step of a tensor core loses up to (17/2 + 2) u of the partial sum (bounds.cpp), half of that on average where
  // every cut loses something; its expected size is 1 u.
  if (contract.accumulator == Accumulator::tensor_core || contract.accumulator == Accumulator::any) return 5.25;
  // Of a drift a fifth is the expected size (running_sum.h).
  if (contract.accumulator == Accumulator::scalar_any) return kMargin / 2.0;
  const Function function = contract.covers(OpKind::rope_table) ? Function::pow : Function::rsqrt;
  return function_ulps(function) / function_typical_ulps(function);
}

}  // namespace plumbline
