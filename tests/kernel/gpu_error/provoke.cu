// SPDX-License-Identifier: Apache-2.0
// Provokes one error of CUDA and ends as our programs do: what() on stderr, exit 2. Invariant: one error a process, as
// some of them leave the GPU's context unusable. Usage: provoke_gpu_error
// fine|alone|among|graph|copy|memory|block|shared
#include <cstdio>
#include <string>
#include <vector>

#include "cuda/common/launch.h"
#include "cuda/common/launch_graph.h"
#include "cuda/common/memory.h"

namespace plumbline::cuda {
namespace {

__global__ void sound_kernel(float* x) { x[threadIdx.x] = 1.0f; }
__global__ void wild_kernel(float* x) { x[threadIdx.x] = 2.0f; }

void sound(DeviceBuffer& buffer, Stream stream) {
  launch("sound store", {dim3(1), dim3(32), 0}, stream, sound_kernel, buffer.as<float>());
}

/// Stores where no memory is.
void wild(Stream stream) {
  launch("wild store", {dim3(3), dim3(64), 0}, stream, wild_kernel, reinterpret_cast<float*>(16));
}

void provoke(const std::string& what) {
  const GpuFacts gpu = usable_gpu();
  if (what == "memory") DeviceBuffer(size_t{1} << 50, "too much");
  DeviceBuffer buffer(128, "little");
  const OwnStream stream;
  if (what == "block") launch("wide block", {dim3(1), dim3(2048), 0}, stream.get(), sound_kernel, buffer.as<float>());
  if (what == "shared")
    launch("much shared", {dim3(1), dim3(32), size_t{1} << 20}, stream.get(), sound_kernel, buffer.as<float>());
  if (what == "among") sound(buffer, stream.get());
  if (what == "alone" || what == "among" || what == "copy") wild(stream.get());
  if (what == "among") sound(buffer, stream.get());
  if (what == "graph") {
    LaunchGraph([&](Stream recording) {
      for (int i = 0; i < 20; ++i) sound(buffer, recording);
      wild(recording);
    }).replay(stream.get());
  }
  std::vector<std::byte> bytes(128);
  if (what == "copy") buffer.copy_to_host(bytes);
  synchronize(stream.get());
  sound(buffer, stream.get());
  synchronize(stream.get());
  std::printf("%s: no error\n", gpu_text(gpu).c_str());
}

}  // namespace
}  // namespace plumbline::cuda

int main(int argc, char** argv) {
  try {
    plumbline::cuda::provoke(argc > 1 ? argv[1] : "fine");
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
