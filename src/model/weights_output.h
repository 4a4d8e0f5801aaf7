// SPDX-License-Identifier: Apache-2.0
// Writes model.safetensors tensor by tensor, a few MiB at a time, from whatever computes the numbers.
// Invariant: pieces are computed on several threads and written in order; the bytes do not depend on the threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "model/output_file.h"
#include "model/safetensors_writer.h"

namespace plumbline {

/// Told now and then how many bytes of how many are written.
using WriteProgress = std::function<void(int64_t done, int64_t all)>;

/// A tensor is cut into pieces of this many numbers (the last one shorter).
constexpr int64_t kWeightPiece = int64_t{1} << 16;

/// Puts `count` numbers of tensor `entry`, from the flat element `first` on, at `out` in the entry's dtype.
using FillWeights = std::function<void(size_t entry, int64_t first, int64_t count, std::byte* out)>;

/// Header and data of all entries; returns the bytes written.
int64_t write_weights(OutputFile& out, const std::vector<SafetensorsEntry>& entries, const FillWeights& fill,
                      const WriteProgress& progress);

}  // namespace plumbline
