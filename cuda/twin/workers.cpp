// SPDX-License-Identifier: Apache-2.0
#include "cuda/twin/workers.h"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace plumbline::twin {
namespace {

// One call of for_each_block.
struct Job {
  Job(uint64_t block_count, const std::function<void(Worker&, uint64_t)>& run) : count(block_count), run_block(run) {}

  uint64_t count;
  const std::function<void(Worker&, uint64_t)>& run_block;
  std::atomic<uint64_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  uint64_t failed_block = 0;
  std::exception_ptr failure;

  void work(Worker& worker) {
    std::fenv_t environment;
    std::fegetenv(&environment);
    std::fesetenv(FE_DFL_ENV);  // no flush to zero, nearest even, whatever the host program has set
    while (!failed.load(std::memory_order_relaxed)) {
      const uint64_t block = next.fetch_add(1, std::memory_order_relaxed);
      if (block >= count) break;
      try {
        run_block(worker, block);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure || block < failed_block) {
          failure = std::current_exception();
          failed_block = block;
        }
        failed.store(true, std::memory_order_relaxed);
      }
    }
    std::fesetenv(&environment);
  }
};

class Pool {
 public:
  explicit Pool(int wanted_helpers) : wanted_(wanted_helpers) {
    try {
      for (int i = 0; i < wanted_; ++i) threads_.emplace_back([this] { serve(); });
    } catch (const std::exception&) {
      // No more threads or memory to be had: those that run share the blocks, and give the same bits. To leave here
      // would end the program, since a started thread must be joined.
    }
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  int wanted() const { return wanted_; }

  // Only one at a time.
  void run(Job& job, int wanted_helpers) {
    wanted_helpers = std::min(wanted_helpers, int(threads_.size()));
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      seats_ = wanted_helpers;
    }
    for (int i = 0; i < wanted_helpers; ++i) wake_.notify_one();
    job.work(caller_);
    std::unique_lock lock(mutex_);
    seats_ = 0;
    done_.wait(lock, [this] { return busy_ == 0; });
    job_ = nullptr;
  }

 private:
  void serve() {
    Worker worker;
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || seats_ > 0; });
      if (stopping_) return;
      --seats_;
      ++busy_;
      Job* job = job_;
      lock.unlock();
      job->work(worker);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  const int wanted_;
  Worker caller_;  // of whichever thread calls run
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int seats_ = 0, busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

std::mutex launch_mutex;

Pool& pool(int threads) {
  static std::unique_ptr<Pool> current;
  if (!current || current->wanted() != threads - 1) {
    current.reset();
    current = std::make_unique<Pool>(threads - 1);
  }
  return *current;
}

}  // namespace

void for_each_block(int threads, uint64_t count, const std::function<void(Worker&, uint64_t)>& run_block) {
  const std::lock_guard lock(launch_mutex);
  Job job(count, run_block);
  pool(threads).run(job, int(std::min<uint64_t>(uint64_t(threads), count)) - 1);
  if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace plumbline::twin
