// SPDX-License-Identifier: Apache-2.0
// The way of taps to a sink: order, bytes, checks, and who waits, with sinks that take values at once, keep them, or
// fail.
#include "cuda/pipeline/tap_capture.h"

#include <numeric>
#include <stdexcept>

#include <plumbline/error.h>

#include "core/statistics.h"
#include "kernel/pipeline/tiny_runs.h"
#include "support/error_text.h"

namespace plumbline::test {
namespace {

using twin::DeviceValue;
using twin::TapCapture;

constexpr int64_t kCount = 200;  // of f32: 800 bytes, 1024 in a ring

TapSpec spec(const std::string& path) { return {path, DType::f32, {"channel"}, false}; }

DeviceValue counted_from(double first) {
  std::vector<double> values(kCount);
  std::iota(values.begin(), values.end(), first);
  return DeviceValue::upload("counted", Tensor::from_values(DType::f32, {kCount}, values).view());
}

/// Keeps what is late until it is asked.
class Keeping final : public TapSink {
 public:
  bool wants(std::string_view) const override { return true; }
  void begin_step(const Step&) override {}
  void record(const TapSpec&, const TensorView&) override { FAIL("values are late here"); }
  void record_late(std::unique_ptr<LateTaps> taps) override {
    if (fails) throw std::runtime_error("disk full");
    kept.push_back(std::move(taps));
  }
  /// What came, all of it.
  TapRecord come() {
    TapRecord record;
    for (const auto& taps : kept) taps->record_in(record);
    kept.clear();
    return record;
  }

  bool fails = false;
  std::vector<std::unique_ptr<LateTaps>> kept;
};

std::vector<std::string> paths_of(const TapRecord& record) {
  std::vector<std::string> paths;
  for (const TapSpec& spec : record.order()) paths.push_back(spec.path);
  return paths;
}

}  // namespace

TEST_CASE("taps keep order and values when the device memory has gone", "[kernel]") {
  TapCapture capture(8 * 1024, true);
  Keeping sink;
  for (int i = 0; i < 4; ++i) capture.add(spec("tap" + std::to_string(i)), counted_from(100.0 * i), {}, sink);
  capture.add(spec("host"), Tensor::from_values(DType::f32, {1}, std::vector{7.0}).view(), sink);
  CHECK(sink.kept.empty());
  capture.hand_out(sink);
  const TapRecord taps = sink.come();
  CHECK(paths_of(taps) == std::vector<std::string>{"tap0", "tap1", "tap2", "tap3", "host"});
  for (int i = 0; i < 4; ++i) CHECK(taps.at("tap" + std::to_string(i)).view().at(0) == 100.0 * i);
  CHECK(taps.at("host").view().at(0) == 7.0);
  CHECK(taps.at("tap1").view().at(kCount - 1) == 100.0 + kCount - 1);
  CHECK(capture.counts().taps == 5);
  CHECK(capture.counts().bytes == 4 * 4 * kCount + 4);
  CHECK(capture.counts().stalls == 0);
}

TEST_CASE("a full ring hands out what it has first; a sink that takes values at once never makes it wait", "[kernel]") {
  for (const size_t bytes : {size_t{0}, size_t{512}, size_t{1024}, size_t{3000}}) {
    TapCapture capture(bytes, true);
    TapRecord sink;
    for (int i = 0; i < 9; ++i) capture.add(spec("tap" + std::to_string(i)), counted_from(i), {}, sink);
    capture.hand_out(sink);
    INFO("ring of " << bytes);
    REQUIRE(sink.order().size() == 9);
    for (int i = 0; i < 9; ++i) CHECK(sink.at("tap" + std::to_string(i)).view().at(0) == i);
    CHECK(capture.counts().stalls == 0);
    CHECK(capture.counts().oversized == (bytes < 1024 ? 9 : 0));
  }
}

TEST_CASE("poison that survived in a tap is an error for who waits for it", "[kernel]") {
  Keeping sink;
  TapCapture checking(4096, true), trusting(4096, false);
  checking.add(spec("tap"), DeviceValue::allocate("layer.0.x", DType::f32, {4}), {}, sink);
  trusting.add(spec("tap"), DeviceValue::allocate("layer.0.x", DType::f32, {4}), {}, sink);
  checking.hand_out(sink);
  trusting.hand_out(sink);
  TapRecord record;
  require_parts(error_text<BackendError>([&] { sink.kept[0]->record_in(record); }),
                {"'layer.0.x'", "never written", "byte 0"});
  CHECK(record.order().empty());
  CHECK_NOTHROW(sink.kept[1]->record_in(record));
}

TEST_CASE("a cache comes out by heads", "[kernel]") {
  TapCapture capture(4096, true);
  Keeping sink;
  // Two tokens of three heads of one channel, and room for more that is nobody's.
  const std::vector<double> rows = {0, 1, 2, 10, 11, 12, 99, 99, 99};
  DeviceValue cache = DeviceValue::upload("cache", Tensor::from_values(DType::f32, {9}, rows).view());
  cache.shape = {1, 3, 2, 1};
  cache.by_token = true;
  capture.add({"cache", DType::f32, {}, false}, cache, {}, sink);
  capture.hand_out(sink);
  const TapRecord taps = sink.come();
  const TensorView values = taps.at("cache").view();
  CHECK(values.shape == Shape{1, 3, 2, 1});
  CHECK(to_values(values) == std::vector<double>{0, 10, 1, 11, 2, 12});
}

TEST_CASE("a sink that fails loses nobody's room, and the next pass begins afresh", "[kernel]") {
  TapCapture capture(2048, true);
  Keeping failing;
  failing.fails = true;
  capture.add(spec("a"), counted_from(1), {}, failing);
  capture.add(spec("b"), counted_from(2), {}, failing);
  CHECK_THROWS_WITH(capture.hand_out(failing), "disk full");
  capture.add(spec("never handed out"), counted_from(3), {}, failing);
  capture.abandon();
  Keeping sink;
  for (const char* path : {"c", "d"}) capture.add(spec(path), counted_from(4), {}, sink);
  capture.hand_out(sink);
  const TapRecord taps = sink.come();
  CHECK(paths_of(taps) == std::vector<std::string>{"c", "d"});
  CHECK(taps.at("d").view().at(0) == 4.0);
}

TEST_CASE("a forward pass gives the same taps through a ring of any size", "[kernel]") {
  const Model model = tiny();
  const Run expected = run_once(model);
  for (const size_t bytes : {size_t{1}, size_t{4096}, size_t{100000}})
    require_same_taps(expected.taps, run_once(model, {.ring_bytes = bytes}).taps);
}

TEST_CASE("statistics made on the device are those of the values, tap by tap and in order", "[kernel]") {
  const Model model = tiny();
  const Run values = run_once(model, {}, 70);
  for (const size_t bytes : {size_t{1}, size_t{256} << 20}) {
    const auto backend = make_twin_backend(model, {.ring_bytes = bytes, .statistics = true});
    TapRecord statistics;
    const Tensor logits = backend->forward(prefill(70), statistics);
    CHECK(same_tensor(logits, values.logits));
    REQUIRE(statistics.order().size() == values.taps.order().size());
    for (size_t i = 0; i < values.taps.order().size(); ++i) {
      const TapSpec& spec = values.taps.order()[i];
      INFO(spec.path);
      REQUIRE(statistics.order()[i].path == spec.path + ".stats");
      const Tensor& actual = statistics.at(spec.path + ".stats");
      CHECK(holds_statistics(statistics.order()[i].axes, actual.shape()));
      const Tensor expected = statistics_of(values.taps.at(spec.path).view());
      // A cache lies by token in memory, which is the order of its sum.
      if (!spec.path.ends_with("_cache")) CHECK(same_tensor(actual, expected));
      for (int64_t at = 0; at < 6; ++at)
        CHECK(actual.view().at(at) == Approx(expected.view().at(at)).epsilon(at == 3 ? 1e-12 : 0.0));
    }
  }
}

TEST_CASE("poison that survived in a tap is an error for who waits for its statistics", "[kernel]") {
  Keeping sink;
  TapCapture checking(4096, true, true);
  checking.add(spec("sound"), counted_from(1), {}, sink);
  checking.add(spec("tap"), DeviceValue::allocate("layer.0.x", DType::f32, {4}), {}, sink);
  checking.hand_out(sink);
  REQUIRE(sink.kept.size() == 1);
  TapRecord record;
  require_parts(error_text<BackendError>([&] { sink.kept[0]->record_in(record); }), {"'layer.0.x'", "never written"});
  CHECK(record.at("sound.stats").view().at(0) == kCount);
}

}  // namespace plumbline::test
