// SPDX-License-Identifier: Apache-2.0
// Asks CUDA for what gpu_error.cpp puts into words.
#include "cuda/common/gpu.h"

#include <cstdlib>
#include <string_view>

namespace plumbline::cuda {
namespace {

static_assert(int(GpuCode::memory_allocation) == cudaErrorMemoryAllocation);
static_assert(int(GpuCode::insufficient_driver) == cudaErrorInsufficientDriver);
static_assert(int(GpuCode::no_device) == cudaErrorNoDevice);
static_assert(int(GpuCode::no_kernel_image) == cudaErrorNoKernelImageForDevice);
static_assert(int(GpuCode::unsupported_ptx) == cudaErrorUnsupportedPtxVersion);
static_assert(int(GpuCode::uncorrectable_memory) == cudaErrorECCUncorrectable);
static_assert(int(GpuCode::illegal_address) == cudaErrorIllegalAddress);
static_assert(int(GpuCode::timeout) == cudaErrorLaunchTimeout);
static_assert(int(GpuCode::device_assert) == cudaErrorAssert);
static_assert(int(GpuCode::hardware_stack) == cudaErrorHardwareStackError);
static_assert(int(GpuCode::launch_failure) == cudaErrorLaunchFailure);
static_assert(int(GpuCode::unknown) == cudaErrorUnknown);

/// Never launched: its attributes tell whether the driver finds code for the GPU in this build.
__global__ void architecture_probe() {}

GpuFault fault_of(cudaError_t error) { return {int(error), cudaGetErrorString(error)}; }

CudaVersions versions() {
  CudaVersions found;
  if (cudaDriverGetVersion(&found.driver) != cudaSuccess) found.driver = 0;
  if (cudaRuntimeGetVersion(&found.runtime) != cudaSuccess) found.runtime = 0;
  return found;
}

GpuFacts first_gpu() {
  cudaDeviceProp properties{};
  if (const cudaError_t error = cudaGetDeviceProperties(&properties, 0); error != cudaSuccess)
    throw no_gpu_error(fault_of(error), versions());
  return {properties.name, properties.major, properties.minor};
}

bool lacks_code(cudaError_t error) {
  return error == cudaErrorNoKernelImageForDevice || error == cudaErrorUnsupportedPtxVersion ||
         error == cudaErrorInvalidDeviceFunction;
}

/// Launches that wait, by CUDA's own switch.
bool launches_block() {
  const char* value = std::getenv("CUDA_LAUNCH_BLOCKING");
  return value != nullptr && std::string_view(value) == "1";
}

/// Throws if `error` says that no GPU can run this build; returns otherwise.
void fail_without_gpu(cudaError_t error) {
  if (lacks_code(error)) throw architecture_error(fault_of(error), first_gpu(), PLUMBLINE_CUDA_ARCHITECTURES);
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver)
    throw no_gpu_error(fault_of(error), versions());
}

}  // namespace

GpuFacts usable_gpu() {
  const GpuFacts gpu = first_gpu();
  cudaFuncAttributes attributes{};
  const cudaError_t error = cudaFuncGetAttributes(&attributes, architecture_probe);
  if (error == cudaSuccess) return gpu;
  cudaGetLastError();  // it is told here, not at the next launch
  if (lacks_code(error)) throw architecture_error(fault_of(error), gpu, PLUMBLINE_CUDA_ARCHITECTURES);
  throw no_gpu_error(fault_of(error), versions());
}

LaunchLog& launch_log() {
  static LaunchLog log;
  return log;
}

void fail_launch(cudaError_t error, const LaunchRecord& launch) {
  fail_without_gpu(error);
  throw launch_error(fault_of(error), launch, launch_log(), launches_block());
}

void fail_allocation(cudaError_t error, size_t bytes, const std::string& name) {
  if (error != cudaErrorMemoryAllocation)
    fail_operation(error, "allocating " + std::to_string(bytes) + " bytes of GPU memory for '" + name + "'");
  cudaGetLastError();
  MemoryFacts memory;
  memory.asked = bytes;
  if (cudaMemGetInfo(&memory.free, &memory.total) != cudaSuccess) memory.free = memory.total = 0;
  throw memory_error(name, memory, fault_of(error));
}

void fail_operation(cudaError_t error, const std::string& what) {
  fail_without_gpu(error);
  throw operation_error(what, fault_of(error), launch_log());
}

}  // namespace plumbline::cuda
