// SPDX-License-Identifier: Apache-2.0
#include "cuda/common/gpu_error.h"

#include <map>
#include <string_view>

namespace plumbline {
namespace {

std::string dims_text(const std::array<unsigned, 3>& dims) {
  return "(" + std::to_string(dims[0]) + ", " + std::to_string(dims[1]) + ", " + std::to_string(dims[2]) + ")";
}

std::string fault_text(const GpuFault& fault) {
  return fault.text + " (CUDA error " + std::to_string(fault.code) + ")";
}

/// In whole MiB, rounded up: what is asked for must not read as less.
std::string mib(size_t bytes) { return std::to_string((bytes + (size_t{1} << 20) - 1) >> 20) + " MiB"; }

std::string version_text(int version) {
  return version == 0 ? "none" : std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

constexpr std::string_view kNameTheOne =
    "with CUDA_LAUNCH_BLOCKING=1 the error names the one kernel that failed, within a graph compute-sanitizer does; "
    "--backend twin --check races runs the same kernels on the CPU";

std::string launch_text(const LaunchRecord& launch) {
  const std::string shape = launch.grid[0] == 0 ? "" : shape_text(launch) + ", ";
  return std::string("'") + launch.op + "', " + shape + place_text(launch.where);
}

/// The launches of a graph, each kind once: a model's layers launch the same.
void add_graph(const LaunchRecords& launches, std::vector<std::string>& lines) {
  std::vector<std::string> kinds;
  std::map<std::string, int> times;
  for (const LaunchRecord& launch : launches) {
    const std::string kind = launch_text(launch);
    if (times[kind]++ == 0) kinds.push_back(kind);
  }
  for (const std::string& kind : kinds)
    lines.push_back("    " + kind + (times[kind] > 1 ? ", " + std::to_string(times[kind]) + " times" : ""));
}

/// The launches that may be to blame; the one, if there is only one.
std::vector<std::string> suspects(const LaunchLog& log) {
  int64_t more = 0;
  const std::vector<LaunchRecord> launches = log.pending(more);
  if (launches.empty()) return {"no launch is pending: the error is older, or of a copy"};
  if (launches.size() == 1 && more == 0) {
    std::vector<std::string> lines = {"by " + launch_text(launches.front())};
    if (launches.front().graph != nullptr) add_graph(*launches.front().graph, lines);
    return lines;
  }
  std::vector<std::string> lines = {"by one of the " + std::to_string(int64_t(launches.size()) + more) +
                                    " launches since the last wait; the last of them, in their order:"};
  for (const LaunchRecord& launch : launches) {
    lines.push_back("  " + launch_text(launch));
    if (launch.graph != nullptr) add_graph(*launch.graph, lines);
  }
  return lines;
}

}  // namespace

std::string gpu_text(const GpuFacts& gpu) {
  return gpu.name + ", sm_" + std::to_string(gpu.major) + std::to_string(gpu.minor);
}

std::string shape_text(const LaunchRecord& launch) {
  return "grid " + dims_text(launch.grid) + ", block " + dims_text(launch.block) + ", dynamic shared memory " +
         std::to_string(launch.shared_bytes) + " bytes";
}

std::string place_text(const std::source_location& where) {
  return std::string("at ") + where.file_name() + ":" + std::to_string(where.line());
}

void LaunchLog::add(const LaunchRecord& launch) {
  const std::lock_guard lock(mutex_);
  if (into_ != nullptr && launch.stream == diverted_) return into_->push_back(launch);
  ring_[(first_ + count_) % kMost] = launch;
  if (count_ < kMost) {
    ++count_;
  } else {
    first_ = (first_ + 1) % kMost;
    ++dropped_;
  }
}

void LaunchLog::divert(const void* stream, LaunchRecords* into) {
  const std::lock_guard lock(mutex_);
  diverted_ = stream;
  into_ = into;
}

void LaunchLog::waited(const void* stream) {
  const std::lock_guard lock(mutex_);
  size_t kept = 0;
  for (size_t i = 0; i < count_; ++i) {
    const LaunchRecord launch = ring_[(first_ + i) % kMost];
    if (stream != nullptr && launch.stream != stream) ring_[(first_ + kept++) % kMost] = launch;
  }
  count_ = kept;
  dropped_ = 0;  // of other streams too: a log that forgets says less, never something wrong
}

std::vector<LaunchRecord> LaunchLog::pending(int64_t& more) const {
  const std::lock_guard lock(mutex_);
  std::vector<LaunchRecord> launches;
  for (size_t i = 0; i < count_; ++i) launches.push_back(ring_[(first_ + i) % kMost]);
  more = dropped_;
  return launches;
}

bool of_a_running_kernel(const GpuFault& fault) {
  using enum GpuCode;
  const auto code = static_cast<GpuCode>(fault.code);
  const bool trapped = code >= hardware_stack && code <= launch_failure;  // stack, instruction, alignment, address, pc
  return trapped || code == illegal_address || code == timeout || code == device_assert ||
         code == uncorrectable_memory || code == unknown;
}

BackendError launch_error(const GpuFault& fault, const LaunchRecord& launch, const LaunchLog& log, bool blocking) {
  const std::string what = std::string("launch of '") + launch.op + "'";
  const std::vector<std::string> place = {shape_text(launch), place_text(launch.where)};
  if (!of_a_running_kernel(fault))
    return {what + ": " + fault_text(fault), place, "check the op's shapes against what a block of this GPU can hold"};
  if (blocking)
    return {what + ": " + fault_text(fault), place,
            "run the same with --backend twin --check races: it names the line"};
  std::vector<std::string> lines = {"an earlier error, found at this launch:", "  " + place[0] + ", " + place[1]};
  for (const std::string& line : suspects(log)) lines.push_back(line);
  return {what + ": " + fault_text(fault), lines, kNameTheOne};
}

BackendError operation_error(const std::string& what, const GpuFault& fault, const LaunchLog& log) {
  if (!of_a_running_kernel(fault)) return {what + ": " + fault_text(fault), {}, "--backend twin runs without a GPU"};
  return {what + ": " + fault_text(fault), suspects(log), kNameTheOne};
}

BackendError memory_error(const std::string& name, const MemoryFacts& memory, const GpuFault& fault) {
  return BackendError("out of GPU memory for '" + name + "': " + fault_text(fault),
                      {"asked  " + mib(memory.asked) + " (" + std::to_string(memory.asked) + " bytes)",
                       "free   " + mib(memory.free) + " of " + mib(memory.total)},
                      "use fewer tokens, fewer taps or a smaller model, or end what else holds the GPU's memory; "
                      "--backend twin uses the host's");
}

BackendError no_gpu_error(const GpuFault& fault, const CudaVersions& versions) {
  const bool old = fault.code == static_cast<int>(GpuCode::insufficient_driver) && versions.driver != 0;
  std::string way_out = "run with --backend twin, which gives the same bits without a GPU";
  if (old) way_out = "install a driver for CUDA " + version_text(versions.runtime) + " or later, or " + way_out;
  return BackendError(old ? "kernels: the NVIDIA driver is too old for this build" : "kernels: no GPU can be used",
                      {"CUDA says     " + fault_text(fault),
                       "driver        " + (versions.driver == 0 ? "none" : "for CUDA " + version_text(versions.driver)),
                       "this build    CUDA " + version_text(versions.runtime)},
                      way_out);
}

BackendError architecture_error(const GpuFault& fault, const GpuFacts& gpu, const std::string& built_for) {
  const std::string own = std::to_string(gpu.major) + std::to_string(gpu.minor);
  return BackendError(
      "kernels: this build has no code for this GPU",
      {"CUDA says   " + fault_text(fault), "GPU         " + gpu_text(gpu), "built for   sm_" + built_for},
      "configure with -DCMAKE_CUDA_ARCHITECTURES=" + own +
          " and build again, or run with --backend twin, which gives the same bits without a GPU");
}

}  // namespace plumbline
