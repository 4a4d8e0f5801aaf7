// SPDX-License-Identifier: Apache-2.0
// Invariant: fence_watch.h.
#include "cuda/pipeline/fence_watch.h"

#include <algorithm>

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

constexpr size_t kRows = 16 * FenceArgs::kMost;  // so that no launch straddles two reports
constexpr size_t kRowWords = 2 * kFenceWarps;

}  // namespace

void FenceWatch::begin() {
  watched_.clear();
  next_.count = 0;
}

void FenceWatch::add(const DeviceBuffer& buffer, Stream stream) {
  if (buffer.empty()) return;
  const size_t row = watched_.size() % kRows;
  if (next_.count == FenceArgs::kMost || row == 0) look(stream);
  if (watched_.size() / kRows == reports_.size()) reports_.emplace_back(kRows * kRowWords * sizeof(uint32_t), "fences");
  if (next_.count == 0) next_.report = reports_[watched_.size() / kRows].as<uint32_t>() + row * kRowWords;
  next_.before[next_.count] = buffer.fence_before();
  next_.after[next_.count] = buffer.fence_after();
  ++next_.count;
  watched_.push_back({buffer.name(), buffer.bytes()});
}

void FenceWatch::look(Stream stream) {
  look_at_fences(next_, stream);
  next_.count = 0;
}

void FenceWatch::require_intact(Stream stream) {
  synchronize(stream);
  for (size_t first = 0; first < watched_.size(); first += kRows) {
    std::vector<uint32_t> report(std::min(kRows, watched_.size() - first) * kRowWords);
    reports_[first / kRows].copy_to_host(std::as_writable_bytes(std::span(report)));
    for (size_t i = 0; i < report.size(); i += kFenceWarps) {
      const uint32_t nearest = *std::min_element(report.begin() + long(i), report.begin() + long(i + kFenceWarps));
      const Watched& watched = watched_[first + i / kRowWords];
      if (nearest != kFenceBytes) fail_fence(watched.name, watched.bytes, i % kRowWords != 0, nearest);
    }
  }
  watched_.clear();
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
