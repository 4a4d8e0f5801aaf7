// SPDX-License-Identifier: Apache-2.0
// The ring of bytes by itself: where entries lie, who waits, what is counted; with two threads also under the thread
// sanitizer.
#include "cuda/common/byte_ring.h"

#include <atomic>
#include <cstring>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "support/catch.h"

namespace plumbline::test {
namespace {

constexpr size_t kUnit = ByteRing::kAlignment;

struct Memory {
  explicit Memory(size_t units) : bytes(units * kUnit) {}
  std::vector<std::byte> bytes;
  size_t unit_of(const ByteRing::Entry& entry) const {
    return static_cast<size_t>(entry.bytes().data() - bytes.data()) / kUnit;
  }
};

}  // namespace

TEST_CASE("entries follow each other, go round, and never overlap those that live") {
  Memory memory(4);
  ByteRing ring(memory.bytes);
  auto a = ring.try_reserve(2 * kUnit), b = ring.try_reserve(1);
  REQUIRE((a && b));
  CHECK(memory.unit_of(*a) == 0);
  CHECK(memory.unit_of(*b) == 2);
  CHECK(b->bytes().size() == 1);
  CHECK_FALSE(ring.try_reserve(2 * kUnit));  // one unit at the end, none at the start
  a.reset();
  auto c = ring.try_reserve(2 * kUnit);  // not over the end: in one piece at the start
  REQUIRE(c);
  CHECK(memory.unit_of(*c) == 0);
  CHECK_FALSE(ring.try_reserve(1));  // the unit at the end belongs to who skipped it
  b.reset();
  auto d = ring.try_reserve(2 * kUnit);
  REQUIRE(d);
  CHECK(memory.unit_of(*d) == 2);
  c.reset();
  d.reset();
  auto whole = ring.try_reserve(4 * kUnit);  // empty again: from the start
  REQUIRE(whole);
  CHECK(memory.unit_of(*whole) == 0);
  CHECK(ring.counts().entries == 5);
  CHECK(ring.counts().stalls == 0);
}

TEST_CASE("room is free from the oldest entry on, in whatever order entries go") {
  Memory memory(3);
  ByteRing ring(memory.bytes);
  auto a = ring.try_reserve(1), b = ring.try_reserve(1), c = ring.try_reserve(1);
  REQUIRE((a && b && c));
  b.reset();
  c.reset();
  CHECK_FALSE(ring.try_reserve(1));
  a.reset();
  CHECK(ring.try_reserve(3 * kUnit));
}

TEST_CASE("an entry of nothing takes its turn like others") {
  Memory memory(2);
  ByteRing ring(memory.bytes);
  const auto a = ring.try_reserve(0), b = ring.try_reserve(0);
  REQUIRE((a && b));
  CHECK(a->bytes().empty());
  CHECK_FALSE(ring.try_reserve(0));
  CHECK(ring.counts().bytes == 0);
}

TEST_CASE("what is larger than the ring goes alone, in memory of its own") {
  Memory memory(2);
  ByteRing ring(memory.bytes);
  auto small = ring.try_reserve(1);
  CHECK_FALSE(ring.try_reserve(3 * kUnit));
  small.reset();
  auto large = ring.try_reserve(3 * kUnit);
  REQUIRE(large);
  std::memset(large->bytes().data(), 1, large->bytes().size());
  CHECK_FALSE(ring.try_reserve(1));
  CHECK_FALSE(ring.try_reserve(3 * kUnit));
  large.reset();
  CHECK(ring.try_reserve(1));
  CHECK(ring.counts().oversized == 1);
  ByteRing none({});
  CHECK(none.try_reserve(0));
  CHECK(none.counts().oversized == 1);
}

TEST_CASE("who finds the ring full waits, is counted, and goes on when the oldest entry goes") {
  Memory memory(2);
  ByteRing ring(memory.bytes);
  auto first = ring.try_reserve(2 * kUnit);
  std::atomic<bool> there{false};
  std::thread producer([&] {
    const ByteRing::Entry second = ring.reserve(kUnit);
    there = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK_FALSE(there);
  first.reset();
  producer.join();
  CHECK(there);
  CHECK(ring.counts().stalls == 1);
  CHECK(ring.counts().stall_seconds > 0.02);
  const ByteRing::Entry third = ring.reserve(kUnit);  // room at once: no stall
  CHECK(ring.counts().stalls == 1);
}

TEST_CASE("two threads: every entry arrives whole and in order, whatever sizes and pauses") {
  constexpr int kEntries = 3000;
  Memory memory(16);
  ByteRing ring(memory.bytes);
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<ByteRing::Entry> queue;
  int wrong = 0;
  std::thread consumer([&] {
    for (int number = 0; number < kEntries; ++number) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !queue.empty(); });
      const ByteRing::Entry entry = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      for (const std::byte byte : entry.bytes()) wrong += byte == static_cast<std::byte>(number) ? 0 : 1;
    }
  });
  std::mt19937 random(7);
  int64_t bytes = 0;
  for (int number = 0; number < kEntries; ++number) {
    const size_t size = random() % (number % 50 == 49 ? 20 * kUnit : 3 * kUnit);
    ByteRing::Entry entry = ring.reserve(size);
    std::memset(entry.bytes().data(), number, size);
    bytes += static_cast<int64_t>(size);
    const std::lock_guard lock(mutex);
    queue.push_back(std::move(entry));
    changed.notify_one();
  }
  consumer.join();
  CHECK(wrong == 0);
  CHECK(ring.counts().entries == kEntries);
  CHECK(ring.counts().bytes == bytes);
  CHECK(ring.counts().oversized > 0);
}

}  // namespace plumbline::test
