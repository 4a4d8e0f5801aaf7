// SPDX-License-Identifier: Apache-2.0
// What LibTorch may and may not do on its own: the switches, the thread count, the device.
#include "reference/settings.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/version.h>
#ifdef PLUMBLINE_TORCH_CUDA
#include <ATen/cuda/CUDAContextLight.h>
#endif

#include <type_traits>

#include "reference/torch_backend.h"

#include <plumbline/error.h>

namespace plumbline {
namespace torch_reference {
namespace {

std::string on_off(bool value) { return value ? "on" : "off"; }

std::string device_name(const std::string& device) {
#ifdef PLUMBLINE_TORCH_CUDA
  if (device == "cuda") return std::string("cuda ") + at::cuda::getCurrentDeviceProperties()->name;
#endif
  return device + " " + at::get_cpu_capability();
}

/// LibTorch up to 2.9 answers with a bool, later ones with one of three options.
template <class Option>
bool reduces(Option option) {
  if constexpr (std::is_same_v<Option, bool>)
    return option;
  else
    return option == Option::AllowReducedPrecisionWithSplitK;
}

}  // namespace

void apply_settings(int threads) {
  at::Context& context = at::globalContext();
  context.setAllowTF32CuBLAS(false);
  context.setAllowBF16ReductionCuBLAS(false);
  context.setAllowFP16ReductionCuBLAS(false);
  if (threads > 0 && at::get_num_threads() != threads) at::set_num_threads(threads);
}

std::string describe_settings(const std::string& device) {
  return torch_version() + ", device " + device_name(device) + ", threads " + std::to_string(at::get_num_threads()) +
         ", tf32 " + on_off(at::globalContext().allowTF32CuBLAS()) + ", reduced bf16 sums " +
         on_off(reduces(at::globalContext().allowBF16ReductionCuBLAS())) + ", " + at::get_mkldnn_version() + ", " +
         at::get_mkl_version();
}

}  // namespace torch_reference

void require_torch_device(const std::string& device) {
  const std::string problem = torch_device_problem(device);
  if (!problem.empty())
    throw BackendError("backend torch cannot use device '" + device + "'", {problem}, "--device cpu");
}

std::string torch_version() { return std::string("LibTorch ") + TORCH_VERSION; }

std::string torch_device_problem(const std::string& device) {
  if (device == "cpu") return "";
  if (device != "cuda") return "backend torch knows the devices cpu and cuda, not '" + device + "'";
#ifdef PLUMBLINE_TORCH_CUDA
  return at::globalContext().hasCUDA() && at::getNumGPUs() > 0 ? "" : "LibTorch finds no GPU";
#else
  return "this build links only LibTorch's CPU libraries (its CUDA libraries need nvcc and a CUDA build of torch)";
#endif
}

}  // namespace plumbline
