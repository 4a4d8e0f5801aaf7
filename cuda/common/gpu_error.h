// SPDX-License-Identifier: Apache-2.0
// What an error of CUDA means to whoever reads it: which kernel, with which grid, from which line, and the way out.
// Invariant: plain functions of codes and facts, so that every text is tested without a GPU. Left to others: asking
// CUDA for them (gpu.cu).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <vector>

#include <plumbline/error.h>

namespace plumbline {

/// What the driver says of a GPU.
struct GpuFacts {
  std::string name;
  int major = 0, minor = 0;  ///< sm_90: 9, 0
};
/// "NVIDIA H200, sm_90".
std::string gpu_text(const GpuFacts& gpu);

/// The values of cudaError_t that have a way out of their own; gpu.cu holds them against CUDA's.
enum class GpuCode : int {
  memory_allocation = 2,
  insufficient_driver = 35,
  no_device = 100,
  no_kernel_image = 209,
  uncorrectable_memory = 214,
  unsupported_ptx = 222,
  illegal_address = 700,
  timeout = 702,
  device_assert = 710,
  hardware_stack = 714,
  launch_failure = 719,
  unknown = 999,
};

struct GpuFault {
  int code = 0;
  std::string text;  ///< CUDA's own
};

/// Versions as CUDA counts them: 13000 is 13.0. 0: unknown, or no driver.
struct CudaVersions {
  int driver = 0, runtime = 0;
};

struct LaunchRecord;
using LaunchRecords = std::vector<LaunchRecord>;

/// One launch, as it was asked for, or the replay of a graph of them, which has no grid.
struct LaunchRecord {
  const char* op = "";
  std::source_location where;
  std::array<unsigned, 3> grid = {}, block = {};
  size_t shared_bytes = 0;
  const void* stream = nullptr;  ///< null: the default one, which waits for all others
  std::shared_ptr<const LaunchRecords> graph = {};
};
/// "grid (4, 1, 1), block (128, 1, 1), dynamic shared memory 0 bytes".
std::string shape_text(const LaunchRecord& launch);
/// "at cuda/linear/linear.cu:12".
std::string place_text(const std::source_location& where);

/// The launches that nobody has waited for yet, the last kMost of them. Any thread may call.
class LaunchLog {
 public:
  static constexpr size_t kMost = 16;
  void add(const LaunchRecord& launch);
  /// From now on launches on `stream` are recorded, not run, and go into `into`; null: no longer.
  void divert(const void* stream, LaunchRecords* into);
  /// Forgets what a successful wait for `stream` has proved sound: its launches, or all for the default stream.
  void waited(const void* stream);
  /// Oldest first; `more` counts those that fell out.
  std::vector<LaunchRecord> pending(int64_t& more) const;

 private:
  mutable std::mutex mutex_;
  std::array<LaunchRecord, kMost> ring_;
  size_t first_ = 0, count_ = 0;
  int64_t dropped_ = 0;
  const void* diverted_ = nullptr;
  LaunchRecords* into_ = nullptr;
};

/// Whether it is an error of a kernel that ran, which surfaces in whatever asks CUDA next.
bool of_a_running_kernel(const GpuFault& fault);
/// CUDA refused `launch`, or it is where an error of one in `log` came to light; `blocking`: launches wait for their
/// kernels (CUDA_LAUNCH_BLOCKING=1), so it is this one's own.
BackendError launch_error(const GpuFault& fault, const LaunchRecord& launch, const LaunchLog& log, bool blocking);
/// A wait or a copy (`what`) failed: an error of one of the launches in `log`, if it is one of a kernel.
BackendError operation_error(const std::string& what, const GpuFault& fault, const LaunchLog& log);
struct MemoryFacts {
  size_t asked = 0, free = 0, total = 0;
};
/// There was no memory for buffer `name`.
BackendError memory_error(const std::string& name, const MemoryFacts& memory, const GpuFault& fault);
/// No GPU, or a driver that is missing or too old for this build's runtime.
BackendError no_gpu_error(const GpuFault& fault, const CudaVersions& versions);
/// This build holds no code that the GPU can run. `built_for`: CMAKE_CUDA_ARCHITECTURES.
BackendError architecture_error(const GpuFault& fault, const GpuFacts& gpu, const std::string& built_for);

}  // namespace plumbline
