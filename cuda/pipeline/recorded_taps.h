// SPDX-License-Identifier: Apache-2.0
// The taps of a step that is replayed: values that every replay leaves at the same place on the device, gathered behind
// it into one buffer (or reduced to their statistics), copied at once and handed to the sink as one object. Invariant:
// the sink gets the taps that the step gives it launch by launch, in the same order and with the same bytes; who
// settles before the next replay, or holds it back, overwrites nothing that is still on its way. Left to others: the
// replay (decode_program.h), the ring (tap_capture.h).
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <plumbline/tap.h>

#include "cuda/common/launch.h"
#include "cuda/common/pieces.h"
#include "cuda/common/stream.h"
#include "cuda/pipeline/device_value.h"
#include "cuda/pipeline/fence_watch.h"
#include "cuda/pipeline/tap_capture.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Where in the gathered bytes each tap is: shared with whoever reads them later.
struct TapLayout {
  struct Tap {
    TapSpec spec;
    std::string name;  ///< of its memory, in errors
    DType dtype;
    Shape shape;   ///< of one key
    int key_axis;  ///< -1: the number of keys does not matter
    Piece piece;
    int64_t first_chunk;
  };

  std::vector<Tap> taps;
  std::vector<PieceChunk> chunks;
  int64_t flag_bytes = 0;   ///< gathered: in front, [chunks] what poison survived in
  int64_t fixed_bytes = 0;  ///< gathered: behind these, what does not depend on the number of keys
  int64_t bytes_per_key = 0;
  bool statistics = false, checked = false;

  /// What is copied for so many keys.
  size_t bytes(int64_t keys) const;
};

class RecordedTaps {
 public:
  /// What the capture's options say: statistics or values, checked or not. `most_keys`: what the caches hold.
  RecordedTaps(TapCapture& capture, int64_t most_keys);
  ~RecordedTaps();
  RecordedTaps(const RecordedTaps&) = delete;
  RecordedTaps& operator=(const RecordedTaps&) = delete;

  /// While launches are recorded: `value` is where they leave the tap.
  void add(const TapSpec& spec, const DeviceValue& value);
  /// Afterwards: what collect() needs, which leaves no poison in `output`: the host reads that behind it.
  void lay_out(const DeviceValue& output);
  /// Whether the taps of a step with so many keys fit into the ring.
  bool holds(int64_t keys) const;
  /// Behind a replay on `stream`, but beside what is launched there later: gathers, and leaves poison for the next one
  /// where that is checked.
  void collect(int64_t keys, Stream stream);
  /// Leaves poison in the output too, if it is a tap and checked: behind what is collected, on the replays' own
  /// `stream`, which need not wait for another one then.
  void poison_output(Stream stream);
  /// What was collected last, on its way to the sink.
  void hand_out(int64_t keys, TapSink& sink);
  /// Waits until everything is collected: then the values and the caches may be written again.
  void settle() const { synchronize(beside_.get()); }
  /// Has what is launched on `stream` from now on wait for that, in place of the host.
  void hold_back(Stream stream);
  /// Whether statistics are handed out in place of values.
  bool reduces() const { return layout_->statistics; }
  /// Has their fences looked at.
  void add_fences(FenceWatch& fences, Stream stream) const;

 private:
  /// What is gathered of one step; the next step takes the other.
  struct Side {
    std::shared_ptr<DeviceBuffer> buffer;
    std::shared_ptr<const CopyMark> copied;  ///< null: nothing is on its way
  };

  PieceTable table(int64_t keys) const;
  /// Of these chunks only.
  PieceTable table(const DeviceBuffer& chunks, int64_t keys) const;

  TapCapture& capture_;
  const int64_t most_keys_;
  std::vector<DeviceValue> values_;  // whose memory the launches name
  std::shared_ptr<TapLayout> layout_;
  DeviceBuffer pieces_, chunks_, chunks_made_anew_, chunks_of_output_;
  const OwnStream beside_{true};
  CopyMark replayed_, collected_;
  std::array<Side, 2> sides_;
  size_t current_ = 0;
  bool collecting_ = false;  // and nobody was held back since
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
