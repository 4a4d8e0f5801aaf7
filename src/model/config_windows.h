// SPDX-License-Identifier: Apache-2.0
// The keys that say which layers attend to a sliding window: sliding_window, use_sliding_window, max_window_layers,
// layer_types. Invariant: the windows are those that transformers' classes take from the same keys.
#pragma once
#include <vector>

#include "model/config_keys.h"
#include "model/family.h"

namespace plumbline {

/// Of each layer the keys that a token sees, 0 for all; no entry if no layer has a window. Throws CheckpointError
/// naming the key for windows that the family has not, or that are said in two ways.
std::vector<int64_t> read_windows(const ConfigKeys& keys, const Family& family, int64_t layers);

}  // namespace plumbline
