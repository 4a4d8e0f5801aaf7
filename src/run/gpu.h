// SPDX-License-Identifier: Apache-2.0
// Which GPU there is, and which software drives it. Asked of the driver and of what this program has loaded, by name
// and at run time, so that builds without CUDA can answer too. Left to others: whether our kernels run on it
// (cuda/common/gpu.h).
#pragma once
#include <map>
#include <string>
#include <vector>

namespace plumbline::run {

/// Names of the NVIDIA GPUs that the driver offers; empty without driver or GPU.
std::vector<std::string> gpu_names();

/// Of the first GPU: "gpu" ("NVIDIA H200, sm_90"), "gpu.driver" ("580.65.06"), "cuda.driver" (the newest CUDA that it
/// takes), "cuda.runtime", "cublas". What cannot be learned is left out.
std::map<std::string, std::string> gpu_environment();

/// 13000 as CUDA counts is "13.0"; 130100 as cuBLAS does, "13.1.0".
std::string cuda_version_text(int version);
std::string cublas_version_text(size_t version);

}  // namespace plumbline::run
