// SPDX-License-Identifier: Apache-2.0
// Jobs in a queue. After a problem they are dropped unseen, and with them the memory that they hold, so that nobody
// waits for room in vain.
#include "run/writer_thread.h"

#include <system_error>
#include <utility>

#include <plumbline/error.h>

namespace plumbline::run {

WriterThread::WriterThread(TapSink& next) : next_(next) {
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error& error) {
    throw BackendError("plumbline run: no thread for writing taps", {error.what()}, "raise the limit on processes");
  }
}

WriterThread::~WriterThread() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  posted_.notify_one();
  thread_.join();
}

void WriterThread::begin_step(const Step& step) {
  post([this, step] { next_.begin_step(step); });
}

void WriterThread::record(const TapSpec& spec, const TensorView& values) {
  post_and_wait([&] { next_.record(spec, values); });
}

void WriterThread::record_late(std::unique_ptr<LateTaps> taps) {
  // std::function wants to be copyable.
  post([this, taps = std::shared_ptr<LateTaps>(std::move(taps))] { taps->record_in(next_); });
}

void WriterThread::finish(const std::function<void()>& last) { post_and_wait(last); }

void WriterThread::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (problem_) std::rethrow_exception(problem_);
    jobs_.push_back(std::move(job));
  }
  posted_.notify_one();
}

void WriterThread::post_and_wait(Job job) {
  post(std::move(job));
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return jobs_.empty() && !busy_; });
  if (problem_) std::rethrow_exception(problem_);
}

void WriterThread::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    posted_.wait(lock, [&] { return closing_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    busy_ = true;
    lock.unlock();
    std::exception_ptr problem;
    try {
      job();
    } catch (...) {
      problem = std::current_exception();
    }
    job = nullptr;  // its memory is free before anybody is told
    lock.lock();
    busy_ = false;
    if (problem) {
      problem_ = problem;
      jobs_.clear();
    }
    if (jobs_.empty()) idle_.notify_all();
  }
}

}  // namespace plumbline::run
