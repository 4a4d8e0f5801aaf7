// SPDX-License-Identifier: Apache-2.0
// LibTorch's process-wide switches that move bits, set in one place and put into words for the trace.
#pragma once
#include <string>

namespace plumbline::torch_reference {

/// No TF32, no reduced-precision (split) sums in bf16 and f16 GEMMs, `threads` CPU threads (0: as they are).
void apply_settings(int threads);
/// Build, device and every switch above, as LibTorch itself reports them.
std::string describe_settings(const std::string& device);

}  // namespace plumbline::torch_reference
