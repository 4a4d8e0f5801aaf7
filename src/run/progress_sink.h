// SPDX-License-Identifier: Apache-2.0
// A sink in front of the trace writer: counts what passes and tells a waiting person how far the run is (stderr).
// Invariant: it changes nothing that passes.
#pragma once
#include <cstdint>

#include <plumbline/tap.h>

#include "core/progress.h"

namespace plumbline::run {

class ProgressSink final : public TapSink {
 public:
  /// `expected_taps` is how many the whole run will record if it does not stop early.
  ProgressSink(TapSink& next, int64_t expected_steps, int64_t expected_taps);
  bool wants(std::string_view path) const override { return next_.wants(path); }
  void begin_step(const Step& step) override;
  void record(const TapSpec& spec, const TensorView& values) override;

  int64_t taps() const { return progress_.done(); }
  int64_t bytes() const { return bytes_; }
  /// Spent in writing them: what recording costs a run whose taps are made anyway.
  double seconds() const { return seconds_; }

 private:
  TapSink& next_;
  Progress progress_;
  int64_t expected_steps_, steps_ = 0, bytes_ = 0;
  double seconds_ = 0.0;
};

}  // namespace plumbline::run
