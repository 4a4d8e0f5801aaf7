// SPDX-License-Identifier: Apache-2.0
// On a terminal one line that is rewritten, elsewhere a plain line every half minute.
#include "run/progress_sink.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "run/interruption.h"

namespace plumbline::run {
namespace {

using namespace std::chrono_literals;
constexpr auto kFirstReport = 500ms, kTerminalInterval = 200ms, kPlainInterval = 30000ms;

}  // namespace

ProgressSink::ProgressSink(TapSink& next, int64_t expected_steps, int64_t expected_taps)
    : next_(next),
      expected_steps_(expected_steps),
      expected_taps_(expected_taps),
      terminal_(isatty(STDERR_FILENO) == 1),
      next_report_(std::chrono::steady_clock::now() + (terminal_ ? kFirstReport : kPlainInterval)) {}

ProgressSink::~ProgressSink() {
  if (line_open_) std::fputs("\r\033[K", stderr);
}

void ProgressSink::begin_step(const Step& step) {
  ++steps_;
  next_.begin_step(step);
}

void ProgressSink::record(const TapSpec& spec, const TensorView& values) {
  next_.record(spec, values);
  note_recorded();
  ++taps_;
  bytes_ += static_cast<int64_t>(values.byte_size());
  if (std::chrono::steady_clock::now() >= next_report_) show();
}

void ProgressSink::show() {
  const auto percent = static_cast<int>(100 * taps_ / std::max<int64_t>(expected_taps_, 1));
  std::fprintf(stderr, "%srun: %3d%%  step %lld of %lld, %lld taps%s", terminal_ ? "\r" : "", std::min(percent, 100),
               static_cast<long long>(steps_), static_cast<long long>(expected_steps_), static_cast<long long>(taps_),
               terminal_ ? "\033[K" : "\n");
  std::fflush(stderr);
  line_open_ = terminal_;
  next_report_ = std::chrono::steady_clock::now() + (terminal_ ? kTerminalInterval : kPlainInterval);
}

}  // namespace plumbline::run
