// SPDX-License-Identifier: Apache-2.0
// Is there a GPU? Asked of the driver, so that builds without CUDA can answer too.
#pragma once
#include <string>
#include <vector>

namespace plumbline::run {

/// Names of the NVIDIA GPUs that the driver offers; empty without driver or GPU.
std::vector<std::string> gpu_names();

}  // namespace plumbline::run
