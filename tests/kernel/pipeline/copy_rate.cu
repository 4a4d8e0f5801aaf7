// SPDX-License-Identifier: Apache-2.0
#include "kernel/pipeline/copy_rate.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "cuda/common/copy_stream.h"
#include "cuda/common/pinned_memory.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

double copy_rate(size_t bytes) {
  constexpr int kCopies = 9;
  const PinnedMemory target(bytes);
  const DeviceBuffer source(bytes, "copied");
  CopyStream copies;
  std::vector<double> rates;
  for (int i = 0; i < kCopies; ++i) {
    copies.mark()->wait();
    const auto start = std::chrono::steady_clock::now();
    copies.copy(target.bytes().data(), source, bytes, true);
    copies.mark()->wait();
    rates.push_back(double(bytes) / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(rates.begin(), rates.begin() + kCopies / 2, rates.end());
  return rates[kCopies / 2];
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
