// SPDX-License-Identifier: Apache-2.0
// The thread that writes: same calls, same order, one thread; what is thrown there comes out here, and memory that
// waits is given back whatever happens.
#include "run/writer_thread.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.h"

namespace plumbline::run {
namespace {

/// A tap that comes when it is allowed to.
class Late final : public LateTaps {
 public:
  Late(std::string path, double value, std::atomic<int>& alive, const std::atomic<bool>* allowed = nullptr)
      : path_(std::move(path)),
        tensor_(Tensor::from_values(DType::f32, {1}, std::vector{value})),
        alive_(alive),
        allowed_(allowed) {
    ++alive_;
  }
  ~Late() override { --alive_; }
  void record_in(TapSink& sink) override {
    while (allowed_ != nullptr && !*allowed_) std::this_thread::yield();
    if (tensor_.view().at(0) < 0) throw std::runtime_error("never came");
    sink.record({path_, DType::f32, {"channel"}, false}, tensor_.view());
  }

 private:
  const std::string path_;
  const Tensor tensor_;
  std::atomic<int>& alive_;
  const std::atomic<bool>* allowed_;
};

/// Two taps of one pass, the second of a value that may be refused.
class Pass final : public LateTaps {
 public:
  Pass(std::string second, std::atomic<int>& alive) : second_(std::move(second)), alive_(alive) { ++alive_; }
  ~Pass() override { --alive_; }
  void record_in(TapSink& sink) override {
    double value = 10;
    for (const std::string& path : {std::string("first"), second_})
      sink.record({path, DType::f32, {"channel"}, false},
                  Tensor::from_values(DType::f32, {1}, std::vector{value++}).view());
  }

 private:
  const std::string second_;
  std::atomic<int>& alive_;
};

/// Notes every call; refuses the tap "refused".
class Notes final : public TapSink {
 public:
  bool wants(std::string_view path) const override { return path != "unwanted"; }
  void begin_step(const Step& step) override { note("step " + std::to_string(step.index)); }
  void record(const TapSpec& spec, const TensorView& values) override {
    if (spec.path == "refused") throw std::runtime_error("disk full");
    note(spec.path + " " + std::to_string(static_cast<int>(values.at(0))));
  }
  void note(const std::string& text) {
    all.push_back(text);
    threads.push_back(std::this_thread::get_id());
  }
  std::vector<std::string> all;
  std::vector<std::thread::id> threads;
};

TapSpec spec(const std::string& path) { return {path, DType::f32, {"channel"}, false}; }

using Calls = std::vector<std::string>;

}  // namespace

TEST_CASE("every call arrives in order on one other thread, the last one too", "[run]") {
  Notes notes;
  std::atomic<int> alive{0};
  std::atomic<bool> allowed{false};
  WriterThread writing(notes);
  CHECK(writing.wants("a"));
  CHECK_FALSE(writing.wants("unwanted"));
  writing.begin_step({0, 0, {1}});
  writing.record_late(std::make_unique<Late>("a", 1, alive, &allowed));
  writing.record_late(std::make_unique<Late>("b", 2, alive));
  CHECK(alive == 2);  // nothing waited
  allowed = true;
  writing.record(spec("c"), Tensor::from_values(DType::f32, {1}, std::vector{3.0}).view());
  CHECK(alive == 0);
  CHECK(notes.all == Calls{"step 0", "a 1", "b 2", "c 3"});  // a lent tap is recorded on return
  writing.begin_step({1, 1, {1}});
  writing.finish([&] { notes.note("end"); });
  CHECK(notes.all == Calls{"step 0", "a 1", "b 2", "c 3", "step 1", "end"});
  for (const std::thread::id id : notes.threads) {
    CHECK(id == notes.threads.front());
    CHECK(id != std::this_thread::get_id());
  }
}

TEST_CASE("the taps of a whole pass arrive in their place, one after the other", "[run]") {
  Notes notes;
  std::atomic<int> alive{0};
  std::atomic<bool> allowed{false};
  WriterThread writing(notes);
  writing.begin_step({0, 0, {1}});
  writing.record_late(std::make_unique<Late>("a", 1, alive, &allowed));
  writing.record_late(std::make_unique<Pass>("second", alive));
  writing.begin_step({1, 1, {1}});
  writing.record_late(std::make_unique<Pass>("refused", alive));
  writing.record_late(std::make_unique<Pass>("after", alive));
  CHECK(alive == 4);  // nothing waited
  allowed = true;
  CHECK_THROWS_WITH(writing.finish([&] { notes.note("end"); }), "disk full");
  CHECK(alive == 0);
  CHECK(notes.all == Calls{"step 0", "a 1", "first 10", "second 11", "step 1", "first 10"});
  for (const std::thread::id id : notes.threads) CHECK(id != std::this_thread::get_id());
}

TEST_CASE("what the sink throws comes out of the next call, and nothing follows it", "[run]") {
  const bool late = GENERATE(true, false);
  Notes notes;
  std::atomic<int> alive{0};
  std::atomic<bool> allowed{false};
  WriterThread writing(notes);
  writing.record_late(std::make_unique<Late>("a", 1, alive, &allowed));
  if (late) {
    writing.record_late(std::make_unique<Late>("b", -1, alive));
  } else {
    writing.record_late(std::make_unique<Late>("refused", 2, alive));
  }
  for (int i = 0; i < 100; ++i) writing.record_late(std::make_unique<Late>("after", 3, alive));
  allowed = true;
  CHECK_THROWS_WITH(writing.finish([&] { notes.note("end"); }), late ? "never came" : "disk full");
  CHECK(alive == 0);  // a backend that waits for room gets it
  CHECK_THROWS_WITH(writing.begin_step({1, 1, {1}}), late ? "never came" : "disk full");
  CHECK_THROWS(writing.record_late(std::make_unique<Late>("b", 1, alive)));
  CHECK(alive == 0);
  CHECK(notes.all == Calls{"a 1"});
}

TEST_CASE("a backend that fails leaves everything that it handed out", "[run]") {
  Notes notes;
  std::atomic<int> alive{0};
  std::atomic<bool> allowed{false};
  const auto failing_run = [&] {
    WriterThread writing(notes);
    writing.record_late(std::make_unique<Late>("a", 1, alive, &allowed));
    for (int i = 0; i < 3; ++i) writing.record_late(std::make_unique<Late>("b", i, alive));
    allowed = true;
    throw std::logic_error("kernel");
  };
  CHECK_THROWS_WITH(failing_run(), "kernel");
  CHECK(notes.all == Calls{"a 1", "b 0", "b 1", "b 2"});
  CHECK(alive == 0);
}

TEST_CASE("an error that nobody asks for is not the end of the program", "[run]") {
  Notes notes;
  std::atomic<int> alive{0};
  {
    WriterThread writing(notes);
    writing.record_late(std::make_unique<Late>("refused", 1, alive));
  }
  CHECK(alive == 0);
}

}  // namespace plumbline::run
