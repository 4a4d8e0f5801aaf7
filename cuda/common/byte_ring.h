// SPDX-License-Identifier: Apache-2.0
// Memory that is used round and round by entries of any size: one thread reserves and fills, another reads and gives
// back. Invariant: an entry's bytes lie in one piece, are nobody else's while it lives, and are reserved in order; who
// finds the ring full waits, and every such wait is counted. Left to others: whose memory it is (pinned_memory.h), when
// the bytes are there (copy_stream.h).
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

namespace plumbline {

class ByteRing {
 public:
  /// What an entry begins at a multiple of, and its room is rounded up to.
  static constexpr size_t kAlignment = 256;

  struct Counts {
    int64_t entries = 0, bytes = 0;  ///< reserved so far
    int64_t oversized = 0;           ///< entries larger than the ring
    int64_t stalls = 0;              ///< reservations that had to wait
    double stall_seconds = 0.0;      ///< how long, together
  };

  /// Room in the ring, given back when it goes. It must not outlive the ring.
  class Entry {
   public:
    Entry(Entry&& other) noexcept;
    Entry& operator=(Entry&& other) noexcept;
    ~Entry();
    std::span<std::byte> bytes() const { return bytes_; }

   private:
    friend class ByteRing;
    Entry(ByteRing& ring, uint64_t number, std::span<std::byte> bytes) : ring_(&ring), number_(number), bytes_(bytes) {}
    ByteRing* ring_;
    uint64_t number_;
    std::span<std::byte> bytes_;
  };

  /// Borrows `memory`, aligned to kAlignment.
  explicit ByteRing(std::span<std::byte> memory);

  /// Room for `bytes` if there is any now. What is larger than the ring has it once the ring is empty, in ordinary
  /// memory of its own, and keeps everybody else waiting while it lives: so there is at most one of them.
  std::optional<Entry> try_reserve(size_t bytes);
  /// The same, waiting until there is: the thread that calls must not be the one that gives back.
  Entry reserve(size_t bytes);

  size_t size() const { return memory_.size(); }
  Counts counts() const;

 private:
  struct Place {
    size_t begin = 0, end = 0;
    bool given_back = false;
    std::unique_ptr<std::byte[]> own;  ///< of an entry larger than the ring
  };

  std::optional<size_t> room_for(size_t bytes) const;
  std::optional<Entry> place(size_t bytes);
  void give_back(uint64_t number);

  const std::span<std::byte> memory_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::deque<Place> places_;   // in order of reservation, the oldest first
  uint64_t first_number_ = 0;  // of places_.front()
  Counts counts_;
};

}  // namespace plumbline
