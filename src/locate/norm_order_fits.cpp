// SPDX-License-Identifier: Apache-2.0
// Orders of a norm's sum of squares. A mean is held in f32, whose last bits tell most orders apart row by row.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

#include "locate/judged_op.h"
#include "locate/order_fits.h"
#include "trial/sums.h"

namespace plumbline {
namespace {

using trial::Order;
using Terms = std::vector<float>;

constexpr size_t kMostRows = 128;

/// Our kernels' by 32 lanes, and PyTorch's mean on a GPU, by the more lanes the fewer rows there are (at most 256 for
/// one row of 1024 columns): lane l sums columns 4l to 4l + 3 apart, over the stride 4 lanes, adds its four sums, and
/// the lanes are halved.
float four_columns_a_lane(const Terms& terms, size_t count) {
  std::vector<float> lanes(count);
  for (size_t lane = 0; lane < count; ++lane) {
    float sums[4] = {};
    for (size_t first = 4 * lane; first < terms.size(); first += 4 * count)
      for (size_t i = first; i < std::min(terms.size(), first + 4); ++i) sums[i - first] += terms[i];
    lanes[lane] = ((sums[0] + sums[1]) + sums[2]) + sums[3];
  }
  for (size_t half = count / 2; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

/// LibTorch's sum over a row on the CPU (up to 8192 columns): 4 vectors of 8 at once, each 16 of them a chain of their
/// own; the vectors are added, then the columns that filled none, then the vector's lanes.
float vectors_of_eight(const Terms& terms) {
  constexpr size_t kLanes = 8, kAtOnce = 4, kChain = 16;
  const size_t vectors = terms.size() / kLanes, groups = vectors / kAtOnce;
  float sum = 0.0f;
  for (size_t i = vectors * kLanes; i < terms.size(); ++i) sum += terms[i];
  for (size_t lane = 0; lane < kLanes; ++lane) {
    float chains[kAtOnce] = {};
    for (size_t j = 0; j < kAtOnce; ++j) {
      float whole = 0.0f, rest = 0.0f;
      for (size_t group = 0; group < groups; ++group) {
        rest += terms[(group * kAtOnce + j) * kLanes + lane];
        if (group % kChain == kChain - 1) whole += std::exchange(rest, 0.0f);
      }
      chains[j] = rest + whole;
    }
    for (size_t vector = groups * kAtOnce; vector < vectors; ++vector) chains[0] += terms[vector * kLanes + lane];
    sum += ((chains[0] + chains[1]) + chains[2]) + chains[3];
  }
  return sum;
}

struct Spelled {
  std::string_view words;
  std::function<float(const Terms&)> sum;
  size_t least_columns = 1;  ///< of fewer it is no order of its own: lanes without a term change no sum
};

const std::vector<Spelled>& tried_orders() {
  const auto usual = [](Order order) {
    return [order](const Terms& terms) { return trial::sum_in_order(order, terms); };
  };
  const auto by_lanes = [](size_t count) {
    return [count](const Terms& terms) { return four_columns_a_lane(terms, count); };
  };
  static const std::vector<Spelled> orders = {{"one chain", usual(Order::chain)},
                                              {"one chain from the end", usual(Order::reversed)},
                                              {"32 lanes, then halving", usual(Order::lanes)},
                                              {"32 lanes of 4 columns, then halving", by_lanes(32)},
                                              {"64 lanes of 4 columns, then halving", by_lanes(64), 256},
                                              {"128 lanes of 4 columns, then halving", by_lanes(128), 512},
                                              {"256 lanes of 4 columns, then halving", by_lanes(256), 1024},
                                              {"4 vectors of 8 lanes", vectors_of_eight},
                                              {"blocks of 64", usual(Order::blocked)},
                                              {"pairwise", usual(Order::pairwise)}};
  return orders;
}

/// Whether that sum gives the mean, divided by the width or multiplied by its reciprocal.
bool gives(float sum, size_t width, double mean) {
  const auto count = static_cast<float>(width);
  return static_cast<double>(sum / count) == mean || static_cast<double>(sum * (1.0f / count)) == mean;
}

void try_rows(const Array& x, const std::vector<double>& means, OpOrders& orders) {
  const size_t width = means.empty() ? 0 : x.values.size() / means.size();
  Terms squares(width);
  for (size_t row = 0; row < means.size() && static_cast<size_t>(orders.tried) < kMostRows; ++row) {
    for (size_t i = 0; i < width; ++i) {
      const auto value = static_cast<float>(x.values[row * width + i]);
      squares[i] = value * value;
    }
    if (!std::isfinite(means[row])) continue;
    ++orders.tried;
    for (size_t i = 0; i < tried_orders().size(); ++i) {
      const Spelled& order = tried_orders()[i];
      const bool explains = width >= order.least_columns && gives(order.sum(squares), width, means[row]);
      orders.fits[i].unequal += explains ? 0 : 1;
    }
  }
}

}  // namespace

OpOrders norm_order_fits(const Context& context, SideId side, const Op& op) {
  const Replay& replay = context.replay_of(side);
  const auto mean = std::find_if(op.outputs.begin(), op.outputs.end(), [&](const TapSpec& spec) {
    return spec.inner && spec.path.ends_with(".var") && context.pairing.has(spec.path);
  });
  if (mean == op.outputs.end()) return {};
  OpOrders orders;
  for (const Spelled& spelled : tried_orders()) orders.fits.push_back({std::string(spelled.words), 0});
  for (const int64_t step : paired_steps(context.alignment, side)) {
    const ReplayInputs given = replay.inputs(op, step);
    if (!given.why_not.empty() || !given.through.empty()) return {};
    const Tensor means = replay.recorded(mean->path, step);
    if (means.dtype() != DType::f32) return {};
    try_rows(given.in.inputs.at(0), to_values(means.view()), orders);
  }
  return orders.tried == 0 ? OpOrders{} : orders;
}

}  // namespace plumbline
