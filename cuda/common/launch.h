// SPDX-License-Identifier: Apache-2.0
// The only way to start a kernel, on either build. Invariant: a launch that returns has been accepted with the shape
// asked for; anything else is a BackendError with op, shape and the caller's line. On the twin the grid has also run;
// under CUDA it runs in stream order and its own errors surface in synchronize(). Left to others: argument checks (each
// op.cu).
#pragma once
#include <cstddef>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <plumbline/error.h>

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

namespace detail {

inline std::string shape_text(const LaunchShape& shape) {
  const auto dims = [](dim3 d) {
    return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
  };
  return "grid " + dims(shape.grid) + ", block " + dims(shape.block) + ", dynamic shared memory " +
         std::to_string(shape.shared_bytes) + " bytes";
}

[[noreturn]] inline void fail_launch(const LaunchName& name, const std::string& what, const LaunchShape& shape,
                                     const std::string& way_out) {
  throw BackendError(
      std::string("launch of '") + name.op + "': " + what,
      {shape_text(shape), std::string("at ") + name.where.file_name() + ":" + std::to_string(name.where.line())},
      way_out);
}

}  // namespace detail

#if defined(__CUDACC__)

/// Starts `kernel` on `stream` with `args` converted to the kernel's parameter types. A template kernel must be named
/// with all its arguments. Throws BackendError if CUDA refuses the launch.
template <class... Params, class... Args>
void launch(LaunchName name, const LaunchShape& shape, Stream stream, void (*kernel)(Params...), Args&&... args) {
  static_assert(sizeof...(Params) == sizeof...(Args), "one argument for each parameter of the kernel");
  std::tuple<std::decay_t<Params>...> values(std::forward<Args>(args)...);
  const auto check = [&](cudaError_t error) {
    if (error != cudaSuccess) {
      detail::fail_launch(name, cudaGetErrorString(error), shape,
                          "an error of an earlier kernel may surface here: run with CUDA_LAUNCH_BLOCKING=1");
    }
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
}

/// Waits for all work on `stream`. Throws BackendError with CUDA's message if any of it failed.
inline void synchronize(Stream stream, std::source_location where = std::source_location::current()) {
  if (const cudaError_t error = cudaStreamSynchronize(stream); error != cudaSuccess) {
    throw BackendError(std::string("waiting for the GPU: ") + cudaGetErrorString(error),
                       {std::string("at ") + where.file_name() + ":" + std::to_string(where.line())},
                       "find the kernel with CUDA_LAUNCH_BLOCKING=1, or run the same model with --backend twin");
  }
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
  grid.call = &call;
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
