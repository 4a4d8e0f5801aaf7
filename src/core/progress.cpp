// SPDX-License-Identifier: Apache-2.0
// When a line of progress is due, and how it looks.
#include "core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace plumbline {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::nanoseconds kFirstReport = 500ms, kTerminalInterval = 200ms, kPlainInterval = 30s;

std::atomic<bool>& switched_on() {
  static std::atomic<bool> on{false};
  return on;
}

int64_t now() { return std::chrono::steady_clock::now().time_since_epoch() / 1ns; }

}  // namespace

void show_progress(bool on) { switched_on() = on; }

Progress::Progress(std::string what, int64_t total)
    : what_(std::move(what)),
      total_(std::max<int64_t>(total, 1)),
      on_(switched_on()),
      terminal_(isatty(STDERR_FILENO) == 1),
      next_report_(now() + (terminal_ ? kFirstReport : kPlainInterval) / 1ns) {}

Progress::~Progress() {
  if (line_open_) std::fputs("\r\033[K", stderr);
}

bool Progress::due() const { return on_ && now() >= next_report_.load(std::memory_order_relaxed); }

void Progress::show(const std::string& detail) {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || !due()) return;  // another thread is writing it
  const int64_t percent = std::min<int64_t>(100, 100 * std::min(done(), total_) / total_);
  const std::string line = fmt::format("{}{}: {:3d}%{}{}{}", terminal_ ? "\r" : "", what_, percent,
                                       detail.empty() ? "" : "  ", detail, terminal_ ? "\033[K" : "\n");
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  line_open_ = terminal_;
  next_report_ = now() + (terminal_ ? kTerminalInterval : kPlainInterval) / 1ns;
}

}  // namespace plumbline
