// SPDX-License-Identifier: Apache-2.0
// What one plan step yields: outputs that later steps read, and taps that only the sink wants. Invariant: every wanted
// tap of the step's ops is handed to the capture in the graph's order with exactly the declared format; nothing is
// allocated for the others. Left to others: filling the memory (the kernels), the way to the sink (tap_capture.h).
#pragma once
#include <map>
#include <string>
#include <string_view>

#include <plumbline/tap.h>

#include "cuda/common/tap.h"
#include "cuda/pipeline/device_value.h"
#include "cuda/pipeline/fence_watch.h"
#include "cuda/pipeline/fusion_plan.h"
#include "cuda/pipeline/recorded_taps.h"
#include "cuda/pipeline/tap_capture.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// Values by tap path, alive until the last step that reads them.
using Environment = std::map<std::string, DeviceValue, std::less<>>;

/// The path of the op's inner tap that ends in `suffix`; "" if the graph does not declare it.
std::string inner_path(const Op& op, std::string_view suffix);

/// Where what a pass yields goes.
struct Outlets {
  TapSink& sink;
  TapCapture& capture;
  FenceWatch* fences;                ///< null: nobody looks at them
  RecordedTaps* recorded = nullptr;  ///< while launches are recorded: takes the taps in place of the capture
};

class Yields {
 public:
  Yields(const PlanStep& step, const Outlets& outlets, Stream stream)
      : step_(step), outlets_(outlets), stream_(stream) {}

  /// Memory for the op's first output, which later steps may read.
  const DeviceValue& output(const Op& op, DType dtype, Shape shape);
  /// A value that exists already (a cache) as the op's first output, or any other tap.
  void output(const std::string& path, DeviceValue value);
  /// Memory that the step's launches work with and nobody reads afterwards.
  const DeviceValue& scratch(const std::string& name, DType dtype, const Shape& shape);
  /// Connects a tap slot to `path` if the sink wants it; "" is no tap.
  void tap(int slot, const std::string& path, DType dtype, const Shape& shape);
  /// A tap computed on the host; with `by_position` its rows (axis 1) are those of every position.
  void host(const std::string& path, Tensor tensor, bool by_position);

  /// Behind the last output, scratch and tap, before the first launch: their memory may be written from here on.
  void begin() { fills_.fill(); }
  /// begins, and the slots for the kernel, or null if none is wanted.
  const RecordTap* record() {
    begin();
    return any_slot_ ? &record_ : nullptr;
  }
  /// Behind the kernels launched so far: has fences looked at, hands out every wanted tap, and moves the outputs into
  /// `environment`. Throws BackendError if a wanted tap was not yielded or its format is not the declared one.
  void finish(Environment& environment);

 private:
  void hand_out(const TapSpec& spec) const;
  void look_at_fences() const;

  const PlanStep& step_;
  const Outlets outlets_;
  const Stream stream_;
  RecordTap record_;
  FillBatch fills_;
  bool any_slot_ = false;
  Environment outputs_;
  Environment taps_;
  std::map<std::string, Tensor> host_;
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
