// SPDX-License-Identifier: Apache-2.0
// Every tap that passes is a part of the work done.
#include "run/progress_sink.h"

#include <fmt/format.h>

#include <chrono>

#include "run/interruption.h"

namespace plumbline::run {

ProgressSink::ProgressSink(TapSink& next, int64_t expected_steps, int64_t expected_taps)
    : next_(next), progress_("run", expected_taps), expected_steps_(expected_steps) {}

void ProgressSink::begin_step(const Step& step) {
  ++steps_;
  next_.begin_step(step);
}

void ProgressSink::record(const TapSpec& spec, const TensorView& values) {
  const auto start = std::chrono::steady_clock::now();
  next_.record(spec, values);
  seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  note_recorded();
  bytes_ += static_cast<int64_t>(values.byte_size());
  progress_.advance(1, [&] { return fmt::format("step {} of {}, {} taps", steps_, expected_steps_, taps()); });
}

}  // namespace plumbline::run
