// SPDX-License-Identifier: Apache-2.0
// Invariant: recorded_taps.h.
#include "cuda/pipeline/recorded_taps.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/statistics.h"
#include "cuda/gather/gather.h"
#include "cuda/statistics/statistics.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

constexpr int64_t kAlignment = 16;

constexpr int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

int64_t chunks_of(const Piece& piece, int64_t keys) {
  return (piece_count(piece, keys) + kPieceChunk - 1) / kPieceChunk;
}

template <class T>
DeviceBuffer uploaded(const std::vector<T>& values, const char* name) {
  DeviceBuffer buffer(values.size() * sizeof(T), name);
  buffer.copy_from_host(std::as_bytes(std::span(values)));
  return buffer;
}

/// The axis of `spec` that has one entry a key; -1: none.
int key_axis_of(const TapSpec& spec) {
  const auto found = std::ranges::find(spec.axes, "key");
  return found == spec.axes.end() ? -1 : int(found - spec.axes.begin());
}

/// A step's taps on their way.
class LateStep final : public LateTaps {
 public:
  LateStep(std::shared_ptr<const TapLayout> layout, int64_t keys, Arrival arrival)
      : layout_(std::move(layout)), keys_(keys), arrival_(std::move(arrival)) {}

  /// Nobody else may have the ring's room while the copy is on its way.
  ~LateStep() override {
    try {
      arrival_.wait();
    } catch (const BackendError&) {  // who ran the step has been told
    }
  }

  void record_in(TapSink& sink) override {
    const std::span<const std::byte> bytes = arrival_.wait();
    for (const TapLayout::Tap& tap : layout_->taps)
      layout_->statistics ? record_statistics(tap, bytes, sink) : record_values(tap, bytes, sink);
  }

 private:
  void record_values(const TapLayout::Tap& tap, std::span<const std::byte> bytes, TapSink& sink) const {
    Shape shape = tap.shape;
    if (tap.key_axis >= 0) shape[size_t(tap.key_axis)] = keys_;
    const Piece& piece = tap.piece;
    const int64_t begin = piece.per_key ? gather_offset(layout_->fixed_bytes, piece.target, keys_) : piece.target;
    const TensorView values{tap.dtype, std::move(shape), bytes.data() + layout_->flag_bytes + begin};
    if (layout_->checked && was_unwritten(tap, bytes)) require_written(tap.name, values.bytes());
    sink.record(tap.spec, values);
  }

  bool was_unwritten(const TapLayout::Tap& tap, std::span<const std::byte> bytes) const {
    const auto* flags = reinterpret_cast<const uint32_t*>(bytes.data()) + tap.first_chunk;
    return std::any_of(flags, flags + chunks_of(tap.piece, keys_), [](uint32_t flag) { return flag != 0; });
  }

  void record_statistics(const TapLayout::Tap& tap, std::span<const std::byte> bytes, TapSink& sink) const {
    const std::span chunks(reinterpret_cast<const PartialStatistics*>(bytes.data()) + tap.first_chunk,
                           size_t(chunks_of(tap.piece, keys_)));
    const bool unwritten = std::any_of(chunks.begin(), chunks.end(), [](const auto& chunk) { return chunk.unwritten; });
    if (layout_->checked && unwritten) fail_unwritten(tap.name, {});
    sink.record(tap.spec, joined_statistics(piece_count(tap.piece, keys_), chunks).view());
  }

  const std::shared_ptr<const TapLayout> layout_;
  const int64_t keys_;
  const Arrival arrival_;
};

}  // namespace

size_t TapLayout::bytes(int64_t keys) const {
  if (statistics) return chunks.size() * sizeof(PartialStatistics);
  return size_t(flag_bytes + gather_offset(fixed_bytes, bytes_per_key, keys));
}

RecordedTaps::RecordedTaps(TapCapture& capture, int64_t most_keys)
    : capture_(capture), most_keys_(most_keys), layout_(std::make_shared<TapLayout>()) {
  layout_->statistics = capture.reduces();
  layout_->checked = capture.checked();
}

RecordedTaps::~RecordedTaps() {
  try {
    settle();
  } catch (const BackendError&) {  // of a kernel: whoever waits for the taps is told
  }
}

void RecordedTaps::add(const TapSpec& spec, const DeviceValue& value) {
  const int key_axis = key_axis_of(spec);
  Shape shape = value.shape;
  if (key_axis >= 0) shape.at(size_t(key_axis)) = 1;
  Piece piece{.source = value.as<std::byte>(),
              .bytes_per_position = 0,
              .count = element_count(shape),
              .target = 0,
              .heads = value.by_token ? int(value.extent(1)) : 0,
              .per_key = key_axis >= 0,
              .is_f32 = value.dtype == DType::f32,
              .made_anew = !value.by_token && !value.constant};
  const int64_t bytes = piece.count * int64_t(element_bytes(value.dtype));
  if (value.by_position) piece.bytes_per_position = bytes;
  int64_t& end = piece.per_key ? layout_->bytes_per_key : layout_->fixed_bytes;
  piece.target = end;
  end = piece.per_key ? end + bytes : aligned(end + bytes);
  const auto first_chunk = int64_t(layout_->chunks.size());
  for (int64_t i = 0; i < chunks_of(piece, most_keys_); ++i)
    layout_->chunks.push_back({int(layout_->taps.size()), int(i)});
  layout_->taps.push_back({layout_->statistics ? statistics_spec(spec) : spec, value.buffer->name(), value.dtype,
                           std::move(shape), key_axis, piece, first_chunk});
  values_.push_back(value);
}

void RecordedTaps::lay_out(const DeviceValue& output) {
  if (values_.empty()) return;
  layout_->flag_bytes = aligned(int64_t(layout_->chunks.size() * sizeof(uint32_t)));
  std::vector<Piece> pieces;
  for (const TapLayout::Tap& tap : layout_->taps) pieces.push_back(tap.piece);
  pieces_ = uploaded(pieces, "pieces");
  chunks_ = uploaded(layout_->chunks, "chunks");
  std::vector<PieceChunk> made_anew, of_output;
  for (const PieceChunk& chunk : layout_->chunks) {
    if (!pieces[size_t(chunk.piece)].made_anew) continue;
    (values_[size_t(chunk.piece)].buffer == output.buffer ? of_output : made_anew).push_back(chunk);
  }
  chunks_made_anew_ = uploaded(made_anew, "chunks made anew");
  chunks_of_output_ = uploaded(of_output, "chunks of the output");
  const size_t bytes = std::min(layout_->bytes(most_keys_), capture_.ring_bytes());
  for (Side& side : sides_) side.buffer = std::make_shared<DeviceBuffer>(bytes, "taps of a step");
}

bool RecordedTaps::holds(int64_t keys) const {
  return values_.empty() || (keys <= most_keys_ && layout_->bytes(keys) <= capture_.ring_bytes());
}

PieceTable RecordedTaps::table(const DeviceBuffer& chunks, int64_t keys) const {
  return {pieces_.as<Piece>(), chunks.as<PieceChunk>(), int64_t(chunks.bytes() / sizeof(PieceChunk)), int(keys)};
}

PieceTable RecordedTaps::table(int64_t keys) const { return table(chunks_, keys); }

void RecordedTaps::poison_output(Stream stream) {
  hold_back(stream);
  if (layout_->checked && chunks_of_output_.bytes() > 0) leave_poison(table(chunks_of_output_, 1), stream);
}

void RecordedTaps::hold_back(Stream stream) {
  if (!std::exchange(collecting_, false)) return;
  collected_.set(beside_.get());
  collected_.hold_back(stream);
}

void RecordedTaps::collect(int64_t keys, Stream stream) {
  if (values_.empty()) return;
  collecting_ = true;
  current_ = 1 - current_;
  const Side& side = sides_[current_];
  const Stream beside = beside_.get();
  replayed_.set(stream);
  replayed_.hold_back(beside);
  if (side.copied != nullptr) side.copied->hold_back(beside);
  if (layout_->statistics) {
    statistics(table(keys), side.buffer->as<PartialStatistics>(), beside);
  } else {
    gather({.table = table(keys),
            .target = side.buffer->as<std::byte>() + layout_->flag_bytes,
            .fixed_bytes = layout_->fixed_bytes,
            .unwritten = side.buffer->as<uint32_t>()},
           beside);
  }
  if (layout_->checked) leave_poison(table(chunks_made_anew_, keys), beside);
}

void RecordedTaps::hand_out(int64_t keys, TapSink& sink) {
  if (values_.empty()) return;
  Side& side = sides_[current_];
  Arrival arrival = capture_.copy(side.buffer, layout_->bytes(keys), int64_t(values_.size()), beside_.get(), sink);
  side.copied = arrival.mark;
  sink.record_late(std::make_unique<LateStep>(layout_, keys, std::move(arrival)));
}

void RecordedTaps::add_fences(FenceWatch& fences, Stream stream) const {
  for (const DeviceValue& value : values_) fences.add(*value.buffer, stream);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
