// SPDX-License-Identifier: Apache-2.0
// The only way to start a kernel, on either build. Invariant: a launch that returns has been accepted with the shape
// asked for; anything else is a BackendError with op, shape and the caller's line. On the twin the grid has also run;
// under CUDA it runs in stream order, and an error of its own surfaces in whatever asks CUDA next, which names the
// launches that may be to blame (gpu_error.h). Left to others: argument checks (each op.cu).
#pragma once
#include <cstddef>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "cuda/common/gpu.h"
#include "cuda/common/kernel.h"
#include "cuda/common/stream.h"
#if !defined(__CUDACC__)
#include "cuda/twin/grid.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;  ///< dynamic shared memory (dynamic_shared<T>() in the kernel)
  bool overlaps = false;    ///< may start while the launch before it still runs: only for kernels that wait for it
                            ///< themselves (dependent_launch.h)
};

/// An op's name together with the line that launches it: made from a string literal at the call.
struct LaunchName {
  const char* op;
  std::source_location where;
  // NOLINTNEXTLINE(google-explicit-constructor): the conversion is what captures the caller's line.
  LaunchName(const char* name, std::source_location location = std::source_location::current())
      : op(name), where(location) {}
};

/// Blocks that cover `count` items with `per_block` each.
constexpr unsigned blocks_for(int64_t count, int64_t per_block) {
  return unsigned((count + per_block - 1) / per_block);
}

#if defined(__CUDACC__)

namespace detail {

inline LaunchRecord record_of(const LaunchName& name, const LaunchShape& shape, const void* stream) {
  return {name.op,
          name.where,
          {shape.grid.x, shape.grid.y, shape.grid.z},
          {shape.block.x, shape.block.y, shape.block.z},
          shape.shared_bytes,
          stream};
}

}  // namespace detail

/// Starts `kernel` on `stream` with `args` converted to the kernel's parameter types. A template kernel must be named
/// with all its arguments. Throws BackendError if CUDA refuses the launch.
template <class... Params, class... Args>
void launch(LaunchName name, const LaunchShape& shape, Stream stream, void (*kernel)(Params...), Args&&... args) {
  static_assert(sizeof...(Params) == sizeof...(Args), "one argument for each parameter of the kernel");
  std::tuple<std::decay_t<Params>...> values(std::forward<Args>(args)...);
  const LaunchRecord record = detail::record_of(name, shape, stream);
  const auto check = [&](cudaError_t error) {
    if (error != cudaSuccess) fail_launch(error, record);
  };
  constexpr size_t kDefaultSharedLimit = 48 * 1024;
  const void* entry = reinterpret_cast<const void*>(kernel);
  if (shape.shared_bytes > kDefaultSharedLimit) {
    check(cudaFuncSetAttribute(entry, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared_bytes)));
  }
  std::apply(
      [&](auto&... value) {
        void* pointers[sizeof...(Params) + 1] = {static_cast<void*>(&value)..., nullptr};
        cudaLaunchAttribute overlap{};
        overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        overlap.val.programmaticStreamSerializationAllowed = 1;
        cudaLaunchConfig_t config{};
        config.gridDim = shape.grid;
        config.blockDim = shape.block;
        config.dynamicSmemBytes = shape.shared_bytes;
        config.stream = stream;
        config.attrs = &overlap;
        config.numAttrs = shape.overlaps ? 1 : 0;
        check(cudaLaunchKernelExC(&config, entry, pointers));
      },
      values);
  check(cudaGetLastError());
  launch_log().add(record);
}

/// Waits for all work on `stream`. Throws BackendError with CUDA's message and the launches to blame if any of it
/// failed.
inline void synchronize(Stream stream, std::source_location where = std::source_location::current()) {
  if (const cudaError_t error = cudaStreamSynchronize(stream); error != cudaSuccess)
    fail_operation(error, "waiting for the GPU " + place_text(where));
  launch_log().waited(stream);
}

#else

/// Runs `kernel` over the whole grid on the CPU; `stream` orders nothing. The kernel must live in a library made by
/// plumbline_add_kernels (its shared memory is found there). Throws BackendError for a shape that a GPU would refuse
/// and for what the twin finds: divergent collectives, writes past shared memory, races under TwinOptions::check_races.
template <class... Params, class... Args>
void launch(LaunchName name, const LaunchShape& shape, Stream, void (*kernel)(Params...), Args&&... args) {
  static_assert(sizeof...(Params) == sizeof...(Args), "one argument for each parameter of the kernel");
  using Values = std::tuple<std::decay_t<Params>...>;
  struct Call {
    void (*kernel)(Params...);
    Values values;
  };
  const Call call{kernel, Values(std::forward<Args>(args)...)};
  GridCall grid;
  grid.op = name.op;
  grid.where = name.where;
  grid.grid = shape.grid;
  grid.block = shape.block;
  grid.shared_bytes = shape.shared_bytes;
  grid.kernel_address = reinterpret_cast<const void*>(kernel);
  grid.hold(call);
  grid.run_thread = [](const void* opaque) {
    const Call& self = *static_cast<const Call*>(opaque);
    std::apply(self.kernel, self.values);
  };
  std::apply([&](const auto&... value) { (collect_written(value, grid), ...); }, call.values);
#if defined(__FMA__)
  grid.needs_fma = true;
#endif
  run_grid(grid);
}

/// Nothing to wait for on the twin.
inline void synchronize(Stream) {}

#endif

}  // namespace plumbline::PLUMBLINE_BUILD_NS
