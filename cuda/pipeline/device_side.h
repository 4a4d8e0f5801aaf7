// SPDX-License-Identifier: Apache-2.0
// What a decode step reads from device memory instead of from the host, so that one set of launches serves every
// position: the token, its position, tables over all positions. Invariant: tables reach to `positions`, which is the
// caches' capacity. Left to others: running the step (step_runner.h), replaying it (decode_program.h).
#pragma once
#include <vector>

#include "cuda/common/lane_order.h"
#include "cuda/pipeline/device_value.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct DeviceSide {
  explicit DeviceSide(int64_t reach) : positions(reach) {}

  const int64_t positions;
  DeviceBuffer token{sizeof(int64_t), "token"};
  DeviceBuffer position{sizeof(int), "position"};
  DeviceBuffer scores_by_keys, context_by_keys;  ///< LaneOrder, by the number of keys; empty: chains
  DeviceValue logits;                            ///< the step's
  std::vector<DeviceValue> kept;                 ///< all that the launches name and nobody else owns
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
