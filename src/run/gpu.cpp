// SPDX-License-Identifier: Apache-2.0
// The functions of the driver (libcuda, libnvidia-ml), of the CUDA runtime and of cuBLASLt used here have had these
// signatures in all versions since CUDA 10.1.
#include "run/gpu.h"

#include <dlfcn.h>

#include <memory>

namespace plumbline::run {
namespace {

using Library = std::unique_ptr<void, int (*)(void*)>;

Library open_library(const char* name) {
  return {dlopen(name, RTLD_NOW | RTLD_LOCAL), [](void* library) { return library == nullptr ? 0 : dlclose(library); }};
}

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

struct DriverGpu {
  std::string name;
  int major = 0, minor = 0;
};

std::vector<DriverGpu> gpus_of(void* driver) {
  constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
  const auto initialise = symbol<int (*)(unsigned)>(driver, "cuInit");
  const auto count_devices = symbol<int (*)(int*)>(driver, "cuDeviceGetCount");
  const auto name_device = symbol<int (*)(char*, int, int)>(driver, "cuDeviceGetName");
  const auto attribute = symbol<int (*)(int*, int, int)>(driver, "cuDeviceGetAttribute");
  int count = 0;
  if (initialise == nullptr || count_devices == nullptr || name_device == nullptr || attribute == nullptr) return {};
  if (initialise(0) != 0 || count_devices(&count) != 0) return {};
  std::vector<DriverGpu> gpus;
  for (int device = 0; device < count; ++device) {
    char name[256] = "";
    DriverGpu gpu;
    if (name_device(name, sizeof name, device) != 0 || attribute(&gpu.major, kMajor, device) != 0 ||
        attribute(&gpu.minor, kMinor, device) != 0)
      continue;
    gpu.name = name;
    gpus.push_back(gpu);
  }
  return gpus;
}

/// The driver's own version; empty if its management library is not there.
std::string driver_version() {
  const Library library = open_library("libnvidia-ml.so.1");
  if (!library) return "";
  const auto initialise = symbol<int (*)()>(library.get(), "nvmlInit_v2");
  const auto version = symbol<int (*)(char*, unsigned)>(library.get(), "nvmlSystemGetDriverVersion");
  const auto shutdown = symbol<int (*)()>(library.get(), "nvmlShutdown");
  if (initialise == nullptr || version == nullptr || shutdown == nullptr || initialise() != 0) return "";
  char text[96] = "";
  const bool known = version(text, sizeof text) == 0;
  shutdown();
  return known ? text : "";
}

/// By a function that this program has loaded, or the driver has; 0 without.
int cuda_version(void* library, const char* function) {
  const auto ask = symbol<int (*)(int*)>(library, function);
  int version = 0;
  return ask != nullptr && ask(&version) == 0 ? version : 0;
}

void put(std::map<std::string, std::string>& entries, const char* name, const std::string& text) {
  if (!text.empty()) entries[name] = text;
}

}  // namespace

std::string cuda_version_text(int version) {
  return version == 0 ? "" : std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string cublas_version_text(size_t version) {
  if (version == 0) return "";
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

std::vector<std::string> gpu_names() {
  const Library driver = open_library("libcuda.so.1");
  std::vector<std::string> names;
  if (driver)
    for (const DriverGpu& gpu : gpus_of(driver.get())) names.push_back(gpu.name);
  return names;
}

std::map<std::string, std::string> gpu_environment() {
  const Library driver = open_library("libcuda.so.1");
  if (!driver) return {};
  const std::vector<DriverGpu> gpus = gpus_of(driver.get());
  if (gpus.empty()) return {};
  const DriverGpu& gpu = gpus.front();
  std::map<std::string, std::string> entries = {
      {"gpu", gpu.name + ", sm_" + std::to_string(gpu.major) + std::to_string(gpu.minor)}};
  put(entries, "gpu.driver", driver_version());
  put(entries, "cuda.driver", cuda_version_text(cuda_version(driver.get(), "cuDriverGetVersion")));
  put(entries, "cuda.runtime", cuda_version_text(cuda_version(RTLD_DEFAULT, "cudaRuntimeGetVersion")));
  const auto cublas = symbol<size_t (*)()>(RTLD_DEFAULT, "cublasLtGetVersion");
  if (cublas != nullptr) put(entries, "cublas", cublas_version_text(cublas()));
  return entries;
}

}  // namespace plumbline::run
