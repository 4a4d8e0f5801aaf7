// SPDX-License-Identifier: Apache-2.0
// The prediction from weights, and the growth that happened.
#include "locate/amplification.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "locate/replay.h"

namespace plumbline {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

bool is_key_norm(const OpRow& row) { return row.kind == op_kind_name(OpKind::rmsnorm) && row.op.ends_with("k_norm"); }

/// The rows of one layer, in execution order.
struct LayerRows {
  const OpRow* key_norm = nullptr;
  const OpRow* last = nullptr;
};

std::vector<LayerRows> by_layer(const OpGraph& graph, const std::vector<OpRow>& rows) {
  std::vector<LayerRows> layers;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    if (rows[i].layer < 0) continue;
    const auto layer = static_cast<size_t>(rows[i].layer);
    if (layers.size() <= layer) layers.resize(layer + 1);
    layers[layer].last = &rows[i];
    if (is_key_norm(rows[i])) layers[layer].key_norm = &rows[i];
  }
  return layers;
}

bool has_difference(const LayerRows& layer) {
  return layer.last != nullptr && layer.last->compared && std::isfinite(layer.last->total) && layer.last->total > 0.0;
}

}  // namespace

double predicted_gain(const Op& op, const Model& model) {
  if (op.kind != OpKind::rmsnorm) return kNone;
  const OpParameters parameters = parameters_of(op, model);
  if (!parameters.missing.empty() || parameters.values.empty()) return kNone;
  double largest = 0.0;
  for (const double weight : parameters.values.front().values) largest = std::max(largest, std::fabs(weight));
  return largest;
}

Amplification amplification_of(const OpGraph& graph, const std::vector<OpRow>& rows) {
  Amplification result;
  const std::vector<LayerRows> layers = by_layer(graph, rows);
  const auto entry = std::find_if(layers.begin(), layers.end(), has_difference);
  if (entry != layers.end()) {
    result.entered_at = entry->last->op;
    result.entered = entry->last->total;
  }
  const auto growth = [&](const OpRow& row) { return row.compared ? row.total / result.entered : kNone; };
  const auto first = entry == layers.end() ? -1 : static_cast<int>(entry - layers.begin());
  double compounded = 1.0;
  for (const LayerRows& layer : layers) {
    LayerGrowth row;
    row.layer = static_cast<int>(result.layers.size());
    if (layer.key_norm != nullptr) row.predicted = layer.key_norm->predicted_gain;
    if (row.layer > first && !std::isnan(row.predicted)) compounded *= row.predicted;
    if (row.layer >= first) {
      row.compounded = compounded;
      if (layer.last != nullptr && layer.last->compared) row.difference = layer.last->total;
      if (layer.last != nullptr) row.growth = growth(*layer.last);
    }
    result.layers.push_back(row);
  }
  result.predicted_at_end = compounded;
  if (!rows.empty()) result.growth_at_end = growth(rows.back());
  return result;
}

}  // namespace plumbline
