// SPDX-License-Identifier: Apache-2.0
// One thread between a backend and a sink: the backend goes on while the sink waits for values and writes them.
// Invariant: the sink sees the same calls in the same order as without it, all of them from that thread, up to the
// first that throws; what it threw comes out of the next call here, and nothing reaches it afterwards. Left to others:
// memory for values that wait (the backend's ring, which is what holds a fast backend back).
#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include <plumbline/tap.h>

namespace plumbline::run {

class WriterThread final : public TapSink {
 public:
  /// Throws BackendError if no thread can be had.
  explicit WriterThread(TapSink& next);
  /// Still hands on what is queued, unless something was thrown: a run that fails elsewhere leaves what it computed.
  ~WriterThread() override;
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;

  bool wants(std::string_view path) const override { return next_.wants(path); }
  void begin_step(const Step& step) override;
  /// Returns when it is recorded, as the values are only lent.
  void record(const TapSpec& spec, const TensorView& values) override;
  void record_late(std::unique_ptr<LateTaps> taps) override;
  /// Returns when all of it is recorded and `last` was called, on that thread too.
  void finish(const std::function<void()>& last);

 private:
  using Job = std::function<void()>;

  void post(Job job);
  void post_and_wait(Job job);
  void work();

  TapSink& next_;
  std::mutex mutex_;
  std::condition_variable posted_, idle_;
  std::deque<Job> jobs_;
  std::exception_ptr problem_;
  bool busy_ = false, closing_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace plumbline::run
