// SPDX-License-Identifier: Apache-2.0
// Invariant: tap_capture.h. A batch is what several plan steps yield, or as much of it as the ring holds (nobody writes
// a tapped value anew within a pass): one wait for the kernels and one mark for all its copies.
#include "cuda/pipeline/tap_capture.h"

#include <algorithm>
#include <utility>

#include <plumbline/error.h>

#include "core/statistics.h"
#include "cuda/poison/poison.h"
#include "cuda/statistics/statistics.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// One tap's values, on their way until the batch's mark is reached. Their memory is given back when this goes.
class Arriving {
 public:
  virtual ~Arriving() = default;
  /// Waits for them; once. Throws BackendError if what makes them failed, or if they cannot be right.
  virtual TensorView wait() = 0;
  void arrives_with(std::shared_ptr<const CopyMark> mark) { mark_ = std::move(mark); }

  void wait_for_copies() const {
    if (mark_ != nullptr) mark_->wait();
  }

 private:
  std::shared_ptr<const CopyMark> mark_;  // null: everything is there
};

/// One tap in the ring, and behind it, where it is checked, a word that says whether poison was found in it.
class LateCopy final : public Arriving {
 public:
  static size_t room_bytes(size_t bytes) { return flag_offset(bytes) + sizeof(uint32_t); }

  LateCopy(Room room, DType dtype, Shape shape) : room_(std::move(room)), dtype_(dtype), shape_(std::move(shape)) {}

  std::byte* target() const { return room_.entry.bytes().data(); }
  size_t bytes() const { return size_t(element_count(shape_)) * element_bytes(dtype_); }
  /// Makes it an error if poison is in it, which wait() looks for unless word_of_search() was asked for.
  void check_as(const std::string& name) { checked_name_ = name; }
  /// The word, now 0, for who looks in its place: to be set before the copies are done.
  uint32_t* word_of_search() {
    found_ = reinterpret_cast<uint32_t*>(target() + flag_offset(bytes()));
    *found_ = 0;
    return found_;
  }
  void reorder() { by_token_ = true; }

  TensorView wait() override {
    wait_for_copies();
    if (!checked_name_.empty() && (found_ == nullptr || *found_ != 0))
      require_written(checked_name_, room_.entry.bytes().first(bytes()));
    const TensorView as_it_lies{dtype_, shape_, room_.entry.bytes().data()};
    if (!by_token_) return as_it_lies;
    ordered_ = tokens_to_heads(as_it_lies);
    return ordered_.view();
  }

 private:
  static size_t flag_offset(size_t bytes) {
    return (bytes + sizeof(uint32_t) - 1) / sizeof(uint32_t) * sizeof(uint32_t);
  }

  const Room room_;
  const DType dtype_;
  const Shape shape_;
  std::string checked_name_;   // "": not checked
  uint32_t* found_ = nullptr;  // null: nobody has looked for poison yet
  bool by_token_ = false;
  Tensor ordered_;
};

namespace {

/// Values that are there, in memory of their own.
class Ready final : public Arriving {
 public:
  explicit Ready(Tensor values) : values_(std::move(values)) {}
  TensorView wait() override { return values_.view(); }

 private:
  const Tensor values_;
};

/// What was added since the last time, in order.
class LateBatch final : public LateTaps {
 public:
  explicit LateBatch(std::vector<PendingTap> taps) : taps_(std::move(taps)) {}

  /// Nobody else may have the ring's room while copies are on their way.
  ~LateBatch() override {
    try {
      for (const PendingTap& tap : taps_)
        if (tap.values != nullptr) tap.values->wait_for_copies();
    } catch (const BackendError&) {  // who ran the pass has been told
    }
  }

  void record_in(TapSink& sink) override {
    for (PendingTap& tap : taps_) {
      sink.record(tap.spec, tap.values->wait());
      tap.values.reset();
    }
  }

 private:
  std::vector<PendingTap> taps_;
};

}  // namespace

/// One tap's statistics, from its chunks among those of a batch.
class LateStatistics final : public Arriving {
 public:
  LateStatistics(int64_t count, std::string checked_name) : count_(count), checked_name_(std::move(checked_name)) {}

  void lies_in(std::shared_ptr<const Room> room, int64_t first_chunk) {
    room_ = std::move(room);
    first_chunk_ = first_chunk;
  }
  int64_t count() const { return count_; }

  TensorView wait() override {
    wait_for_copies();
    std::vector<PartialStatistics> chunks(size_t(statistics_chunks(count_)));
    const std::span<std::byte> bytes = std::as_writable_bytes(std::span(chunks));
    if (!bytes.empty())
      std::copy_n(room_->entry.bytes().data() + size_t(first_chunk_) * sizeof(PartialStatistics), bytes.size(),
                  bytes.data());
    const bool unwritten = std::any_of(chunks.begin(), chunks.end(), [](const auto& chunk) { return chunk.unwritten; });
    if (unwritten && !checked_name_.empty()) fail_unwritten(checked_name_, {});
    joined_ = joined_statistics(count_, chunks);
    return joined_.view();
  }

 private:
  const int64_t count_;
  const std::string checked_name_;
  std::shared_ptr<const Room> room_;  // shared by the taps of the batch
  int64_t first_chunk_ = 0;
  Tensor joined_;
};

TapCapture::TapCapture(size_t ring_bytes, bool checked, bool statistics)
    : ring_bytes_(ring_bytes), checked_(checked), statistics_(statistics) {}

TapCapture::~TapCapture() {
  try {
    settle();
  } catch (const BackendError&) {  // of a kernel: who ran the pass has been told, or is about to be
  }
}

Room TapCapture::room(size_t bytes, TapSink& sink) {
  if (ring_ == nullptr) ring_ = std::make_shared<TapRing>(ring_bytes_);
  if (auto entry = ring_->ring.try_reserve(bytes)) return {ring_, std::move(*entry)};
  hand_out(sink);  // what is waited for must be on its way
  return {ring_, ring_->ring.reserve(bytes)};
}

void TapCapture::add(const TapSpec& spec, const DeviceValue& value, Stream kernels, TapSink& sink) {
  if (statistics_) return measure_later(spec, value, kernels);
  const size_t bytes = size_t(element_count(value.shape)) * element_bytes(value.dtype);
  Room place = room(LateCopy::room_bytes(bytes), sink);
  const bool pinned = is_pinned(place);
  auto late = std::make_unique<LateCopy>(std::move(place), value.dtype, value.shape);
  kernels_ = kernels;
  if (!pinned) copies_.follow(kernels);  // that copy does not wait for the others
  copies_.copy(late->target(), *value.buffer, bytes, pinned);
  if (checked_) late->check_as(value.buffer->name());
  if (checked_ && pinned && bytes > 0) searched_.push_back({late.get(), value.buffer.get()});
  bytes_ += int64_t(bytes);
  batch_bytes_ += int64_t(bytes);
  if (value.by_token) late->reorder();
  batch_buffers_.push_back(value.buffer);
  batch_.push_back({spec, std::move(late)});
}

void TapCapture::add(const TapSpec& spec, const TensorView& values, TapSink& sink) {
  if (statistics_) {
    batch_.push_back({statistics_spec(spec), std::make_unique<Ready>(statistics_of(values))});
    return;
  }
  auto late =
      std::make_unique<LateCopy>(room(LateCopy::room_bytes(values.byte_size()), sink), values.dtype, values.shape);
  bytes_ += int64_t(values.byte_size());
  batch_bytes_ += int64_t(values.byte_size());
  std::copy_n(values.data, values.byte_size(), late->target());
  batch_.push_back({spec, std::move(late)});
}

Arrival TapCapture::copy(const std::shared_ptr<DeviceBuffer>& source, size_t bytes, int64_t taps, Stream kernels,
                         TapSink& sink) {
  Room arriving = room(bytes, sink);
  copies_.follow(kernels);
  copies_.copy(arriving.entry.bytes().data(), *source, bytes, is_pinned(arriving));
  std::shared_ptr<const CopyMark> mark = copies_.mark();
  in_flight_.push_back({mark, {source}});
  free_copied();
  taps_ += taps;
  bytes_ += int64_t(bytes);
  return {std::move(arriving), std::move(mark)};
}

void TapCapture::measure_later(const TapSpec& spec, const DeviceValue& value, Stream kernels) {
  if (value.dtype != DType::bf16 && value.dtype != DType::f32)
    throw BackendError("kernels: no statistics of tap '" + spec.path + "'",
                       {"it is held in " + std::string(dtype_name(value.dtype))}, "record its values");
  auto late =
      std::make_unique<LateStatistics>(element_count(value.shape), checked_ ? value.buffer->name() : std::string());
  kernels_ = kernels;
  batch_bytes_ += int64_t(value.buffer->bytes());
  measured_.push_back({late.get(), value});
  batch_.push_back({statistics_spec(spec), std::move(late)});
}

/// Only memory of the ring itself can be written from the device.
bool TapCapture::is_pinned(const Room& room) const {
  const std::span<std::byte> ring = ring_->memory.bytes();
  const std::byte* begin = room.entry.bytes().data();
  return begin >= ring.data() && begin < ring.data() + ring.size();
}

/// Has the device look for poison in the taps of the batch, into the word behind each.
void TapCapture::search() {
  PoisonArgs args{};
  for (const Searched& tap : std::exchange(searched_, {})) {
    if (args.count == PoisonArgs::kMost) look_for_poison(std::exchange(args, {}), kernels_);
    args.values[args.count] = tap.buffer->as<std::byte>();
    args.bytes[args.count] = int64_t(tap.late->bytes());
    args.found[args.count] = tap.late->word_of_search();
    ++args.count;
  }
  look_for_poison(args, kernels_);
}

/// Launches for all taps of the batch, and one copy of what they give. The batch holds no room in the ring before.
void TapCapture::measure() {
  int64_t chunks = 0;
  for (const Measured& tap : measured_) chunks += statistics_chunks(tap.late->count());
  const size_t bytes = size_t(chunks) * sizeof(PartialStatistics);
  const auto partials = std::make_shared<DeviceBuffer>(bytes, "statistics");
  if (ring_ == nullptr) ring_ = std::make_shared<TapRing>(ring_bytes_);
  const auto arrived = std::make_shared<const Room>(Room{ring_, ring_->ring.reserve(bytes)});
  StatisticsArgs args{};
  int64_t first = 0;
  const std::vector<Measured> measured = std::exchange(measured_, {});  // its memory outlives the launches
  for (const Measured& tap : measured) {
    tap.late->lies_in(arrived, first);
    if (tap.late->count() == 0) continue;
    if (args.taps == StatisticsArgs::kMost) statistics(std::exchange(args, {}), kernels_);
    if (args.taps == 0) args.partials = partials->as<PartialStatistics>() + first;
    args.values[args.taps] = tap.value.as<void>();
    args.counts[args.taps] = tap.late->count();
    args.is_f32[args.taps] = tap.value.dtype == DType::f32;
    args.first_chunk[args.taps + 1] = args.first_chunk[args.taps] + statistics_chunks(tap.late->count());
    first += statistics_chunks(tap.late->count());
    ++args.taps;
  }
  statistics(args, kernels_);
  const bool pinned = is_pinned(*arrived);
  if (!pinned) copies_.follow(kernels_);
  copies_.copy(arrived->entry.bytes().data(), *partials, bytes, pinned);
  batch_buffers_.push_back(partials);
  bytes_ += int64_t(bytes);
}

void TapCapture::hand_out_many(TapSink& sink) {
  constexpr int64_t kManyMeasured = 8 * StatisticsArgs::kMost, kMuchMeasured = int64_t{256} << 20;
  constexpr int64_t kMuchCopied = int64_t{16} << 20;  // longer on its way than the host takes to ask for it
  const bool worth_it = statistics_ ? int64_t(measured_.size()) >= kManyMeasured || batch_bytes_ >= kMuchMeasured
                                    : batch_bytes_ >= kMuchCopied;
  if (worth_it) hand_out(sink);
}

void TapCapture::hand_out(TapSink& sink) {
  if (batch_.empty()) return;  // also while launches are recorded, when CUDA allows nothing else
  if (!measured_.empty()) measure();
  if (!searched_.empty()) search();
  std::vector<PendingTap> batch = std::exchange(batch_, {});
  batch_bytes_ = 0;
  std::shared_ptr<const CopyMark> mark;
  if (!batch_buffers_.empty()) {
    copies_.follow(kernels_);
    mark = copies_.mark();
    in_flight_.push_back({mark, std::exchange(batch_buffers_, {})});
  }
  taps_ += int64_t(batch.size());
  for (PendingTap& tap : batch) tap.values->arrives_with(mark);
  free_copied();
  sink.record_late(std::make_unique<LateBatch>(std::move(batch)));
}

void TapCapture::free_copied() {
  while (!in_flight_.empty() && in_flight_.front().done->reached()) in_flight_.pop_front();
}

void TapCapture::settle() {
  copies_.mark()->wait();
  in_flight_.clear();
}

void TapCapture::abandon() {
  copies_.forget();
  if (!batch_buffers_.empty()) copies_.mark()->wait();  // the ring's room is about to be somebody else's
  batch_buffers_.clear();
  measured_.clear();
  batch_bytes_ = 0;
  searched_.clear();
  batch_.clear();
}

CaptureCounts TapCapture::counts() const {
  CaptureCounts counts;
  counts.ring_bytes = int64_t(ring_bytes_);
  if (ring_ == nullptr) return counts;
  const ByteRing::Counts ring = ring_->ring.counts();
  counts.taps = taps_;
  counts.bytes = bytes_;
  counts.oversized = ring.oversized;
  counts.stalls = ring.stalls;
  counts.stall_seconds = ring.stall_seconds;
  counts.entries = ring.entries;
  return counts;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
