// SPDX-License-Identifier: Apache-2.0
// Tells a waiting person on standard error how far a long piece of work is. Invariant: it says nothing before half a
// second has passed, nothing at all unless the program switched it on, and never touches standard output or a result.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace plumbline {

/// Off until a program switches it on: a library does not write to its host's terminal.
void show_progress(bool on);

/// One piece of work of `total` parts. On a terminal one line that is rewritten five times a second and wiped at the
/// end; elsewhere a plain line every half minute, as logs keep them all. May be advanced from any thread.
class Progress {
 public:
  Progress(std::string what, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(int64_t parts = 1) {
    done_.fetch_add(parts, std::memory_order_relaxed);
    if (due()) show({});
  }
  /// The same with words about where the work is, made only when a line is due.
  template <class Detail>
  void advance(int64_t parts, const Detail& detail) {
    done_.fetch_add(parts, std::memory_order_relaxed);
    if (due()) show(detail());
  }
  int64_t done() const { return done_.load(std::memory_order_relaxed); }

 private:
  bool due() const;
  void show(const std::string& detail);

  const std::string what_;
  const int64_t total_;
  const bool on_, terminal_;
  std::atomic<int64_t> done_{0};
  std::atomic<int64_t> next_report_;  // nanoseconds of the steady clock
  std::mutex mutex_;
  bool line_open_ = false;
};

}  // namespace plumbline
