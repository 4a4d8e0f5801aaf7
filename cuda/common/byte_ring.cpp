// SPDX-License-Identifier: Apache-2.0
// Invariant: byte_ring.h. Places run round the memory: the last one lies behind the first, or, once round, before it.
#include "cuda/common/byte_ring.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace plumbline {
namespace {

/// At least one unit, so that no two places begin at the same byte.
size_t rounded_up(size_t bytes) {
  return (std::max<size_t>(bytes, 1) + ByteRing::kAlignment - 1) / ByteRing::kAlignment * ByteRing::kAlignment;
}

}  // namespace

ByteRing::Entry::Entry(Entry&& other) noexcept
    : ring_(std::exchange(other.ring_, nullptr)), number_(other.number_), bytes_(other.bytes_) {}

ByteRing::Entry& ByteRing::Entry::operator=(Entry&& other) noexcept {
  std::swap(ring_, other.ring_);
  std::swap(number_, other.number_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

ByteRing::Entry::~Entry() {
  if (ring_ != nullptr) ring_->give_back(number_);
}

ByteRing::ByteRing(std::span<std::byte> memory) : memory_(memory) {}

/// Where `bytes` fit now.
std::optional<size_t> ByteRing::room_for(size_t bytes) const {
  const size_t room = rounded_up(bytes);
  if (places_.empty()) return room <= memory_.size() ? std::optional<size_t>(0) : std::nullopt;
  const Place &oldest = places_.front(), &newest = places_.back();
  if (oldest.own) return std::nullopt;
  const bool round = newest.begin < oldest.begin;
  if (room <= (round ? oldest.begin : memory_.size()) - newest.end) return newest.end;
  return !round && room <= oldest.begin ? std::optional<size_t>(0) : std::nullopt;
}

std::optional<ByteRing::Entry> ByteRing::place(size_t bytes) {
  Place place;
  std::byte* start = nullptr;
  if (rounded_up(bytes) > memory_.size()) {
    if (!places_.empty()) return std::nullopt;
    place.own = std::make_unique_for_overwrite<std::byte[]>(bytes);
    start = place.own.get();
  } else {
    const std::optional<size_t> begin = room_for(bytes);
    if (!begin) return std::nullopt;
    place.begin = *begin;
    place.end = *begin + rounded_up(bytes);
    start = memory_.data() + *begin;
  }
  if (place.own) ++counts_.oversized;
  places_.push_back(std::move(place));
  ++counts_.entries;
  counts_.bytes += static_cast<int64_t>(bytes);
  return Entry(*this, first_number_ + places_.size() - 1, {start, bytes});
}

std::optional<ByteRing::Entry> ByteRing::try_reserve(size_t bytes) {
  const std::lock_guard lock(mutex_);
  return place(bytes);
}

ByteRing::Entry ByteRing::reserve(size_t bytes) {
  std::unique_lock lock(mutex_);
  std::optional<Entry> entry = place(bytes);
  if (entry) return std::move(*entry);
  const auto start = std::chrono::steady_clock::now();
  freed_.wait(lock, [&] { return (entry = place(bytes)).has_value(); });
  ++counts_.stalls;
  counts_.stall_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(*entry);
}

/// Entries may go in any order; room is free from the oldest on.
void ByteRing::give_back(uint64_t number) {
  {
    const std::lock_guard lock(mutex_);
    places_[number - first_number_].given_back = true;
    while (!places_.empty() && places_.front().given_back) {
      places_.pop_front();
      ++first_number_;
    }
  }
  freed_.notify_one();
}

ByteRing::Counts ByteRing::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace plumbline
