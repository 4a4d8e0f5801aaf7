// SPDX-License-Identifier: Apache-2.0
// The way of taps from the device to the sink: copies into a pinned ring beside the kernels, handed out as values that
// are still on their way. Invariant: taps come out in the order they were added, each with the bytes it had when the
// kernels launched before add() were done; device memory lives until its copy is done; nobody waits but for room in the
// ring. Left to others: which taps are wanted (yields.h), who waits for the values (the sink).
#pragma once
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include <plumbline/backend.h>
#include <plumbline/tap.h>

#include "cuda/common/byte_ring.h"
#include "cuda/common/copy_stream.h"
#include "cuda/common/pinned_memory.h"
#include "cuda/pipeline/device_value.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

class Arriving;
class LateCopy;
class LateStatistics;

/// A tap that was added and not handed out.
struct PendingTap {
  TapSpec spec;
  std::unique_ptr<Arriving> values;
};

/// Ring and memory, alive as long as one value lies in it.
struct TapRing {
  explicit TapRing(size_t bytes) : memory(bytes), ring(memory.bytes().first(bytes)) {}
  PinnedMemory memory;
  ByteRing ring;
};

/// Room in the ring, which outlives it.
struct Room {
  std::shared_ptr<TapRing> ring;
  ByteRing::Entry entry;
};

/// Bytes in the ring that are there when `mark` is reached.
struct Arrival {
  Room room;
  std::shared_ptr<const CopyMark> mark;

  std::span<const std::byte> wait() const {
    mark->wait();
    return room.entry.bytes();
  }
};

class TapCapture {
 public:
  /// The ring is made for the first tap. With `checked`, poison that survived in a tap is an error when it is waited
  /// for. With `statistics` every tap leaves as its statistics (core/statistics.h), computed on the device.
  TapCapture(size_t ring_bytes, bool checked, bool statistics = false);
  ~TapCapture();
  TapCapture(const TapCapture&) = delete;
  TapCapture& operator=(const TapCapture&) = delete;

  /// `value` as the kernels launched on `kernels` so far leave it. May hand out what was added before.
  void add(const TapSpec& spec, const DeviceValue& value, Stream kernels, TapSink& sink);
  /// A tap computed on the host, copied now.
  void add(const TapSpec& spec, const TensorView& values, TapSink& sink);
  /// The first `bytes` of `source`, which hold `taps` taps, as the kernels launched on `kernels` so far leave them:
  /// whoever writes there next must wait for the mark. May hand out what was added before.
  Arrival copy(const std::shared_ptr<DeviceBuffer>& source, size_t bytes, int64_t taps, Stream kernels, TapSink& sink);
  /// Gives the sink what was added since. What it throws stays thrown; taps not yet given are dropped then.
  void hand_out(TapSink& sink);
  /// The same once that is worth it: taps wait until they are much memory, statistics also until they are many.
  void hand_out_many(TapSink& sink);
  /// Waits for every copy: afterwards the device memory of taps may be written again.
  void settle();
  /// Forgets what an abandoned pass added and did not hand out.
  void abandon();
  CaptureCounts counts() const;

  size_t ring_bytes() const { return ring_bytes_; }
  bool checked() const { return checked_; }
  bool reduces() const { return statistics_; }  ///< to statistics

 private:
  struct Measured {
    LateStatistics* late;  // in the batch
    DeviceValue value;
  };
  struct Searched {
    LateCopy* late;  // in the batch
    const DeviceBuffer* buffer;
  };
  struct InFlight {
    std::shared_ptr<const CopyMark> done;
    std::vector<std::shared_ptr<DeviceBuffer>> buffers;
  };

  Room room(size_t bytes, TapSink& sink);
  void measure_later(const TapSpec& spec, const DeviceValue& value, Stream kernels);
  void measure();
  void search();
  bool is_pinned(const Room& room) const;
  void free_copied();

  const size_t ring_bytes_;
  const bool checked_, statistics_;
  CopyStream copies_;
  std::shared_ptr<TapRing> ring_;
  std::vector<PendingTap> batch_;
  std::vector<std::shared_ptr<DeviceBuffer>> batch_buffers_;  // that copies of the batch read
  int64_t batch_bytes_ = 0;                                   // of the batch's taps
  std::vector<Measured> measured_;                            // taps of the batch whose statistics are to be launched
  std::vector<Searched> searched_;                            // taps of the batch that may hold poison
  Stream kernels_{};                                          // behind which both are launched
  std::deque<InFlight> in_flight_;                            // the oldest first
  int64_t taps_ = 0, bytes_ = 0;                              // that went through the ring
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
