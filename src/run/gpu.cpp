// SPDX-License-Identifier: Apache-2.0
// The driver's library is opened at run time; its three functions used here have had these signatures since CUDA 4.
#include "run/gpu.h"

#include <dlfcn.h>

#include <memory>

namespace plumbline::run {
namespace {

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

std::vector<std::string> gpu_names() {
  const std::unique_ptr<void, int (*)(void*)> driver(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL), [](void* library) {
    return library == nullptr ? 0 : dlclose(library);
  });
  if (!driver) return {};
  const auto initialise = symbol<int (*)(unsigned)>(driver.get(), "cuInit");
  const auto count_devices = symbol<int (*)(int*)>(driver.get(), "cuDeviceGetCount");
  const auto name_device = symbol<int (*)(char*, int, int)>(driver.get(), "cuDeviceGetName");
  int count = 0;
  if (initialise == nullptr || count_devices == nullptr || name_device == nullptr) return {};
  if (initialise(0) != 0 || count_devices(&count) != 0) return {};
  std::vector<std::string> names;
  for (int device = 0; device < count; ++device) {
    char name[256] = "";
    if (name_device(name, sizeof name, device) == 0) names.emplace_back(name);
  }
  return names;
}

}  // namespace plumbline::run
