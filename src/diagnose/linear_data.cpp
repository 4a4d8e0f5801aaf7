// SPDX-License-Identifier: Apache-2.0
#include "diagnose/linear_data.h"

#include <algorithm>
#include <cmath>

namespace plumbline {

LinearData linear_data(const Bench& bench) {
  LinearData data;
  for (const BenchStep& step : bench.steps()) {
    const OpInputs& in = bench.given(step);
    if (step.stored.empty()) return {};
    data.weight = &in.parameters[0].values;
    data.columns = in.parameters[0].shape[0];
    data.depth = in.parameters[0].shape[1];
    data.x.insert(data.x.end(), in.inputs[0].values.begin(), in.inputs[0].values.end());
    data.stored.insert(data.stored.end(), step.stored[0].begin(), step.stored[0].end());
    data.replayed.insert(data.replayed.end(), step.results[0].exact.values.begin(), step.results[0].exact.values.end());
  }
  data.rows = data.columns == 0 ? 0 : static_cast<int64_t>(data.stored.size()) / data.columns;
  const bool finite =
      std::all_of(data.stored.begin(), data.stored.end(), [](double v) { return std::isfinite(v); }) &&
      std::all_of(data.replayed.begin(), data.replayed.end(), [](double v) { return std::isfinite(v); });
  if (!finite) data.rows = 0;
  return data;
}

std::vector<int64_t> sampled_columns(int64_t columns, int64_t most) {
  std::vector<int64_t> chosen;
  const int64_t count = std::min(columns, most);
  for (int64_t i = 0; i < count; ++i) chosen.push_back(i * columns / count);
  return chosen;
}

}  // namespace plumbline
