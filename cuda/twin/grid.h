// SPDX-License-Identifier: Apache-2.0
// Runs one grid on the CPU: the twin's side of a launch. Invariant: the outputs have the same bits for any number of
// worker threads; blocks share nothing but global memory. Left to others: threads of one block (block.h), options
// (options.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>
#include <vector>

#include "cuda/twin/vector_types.h"

namespace plumbline::twin {

struct GridCall {
  const char* op = "";
  std::source_location where;
  dim3 grid, block;
  size_t shared_bytes = 0;
  const void* kernel_address = nullptr;            ///< names the library that holds the kernel's shared memory
  void (*run_thread)(const void* call) = nullptr;  ///< one CUDA thread from start to end
  const void* call = nullptr;
  size_t call_bytes = 0;
  std::vector<const void*> written;        ///< arguments that are pointers to non-const
  std::vector<const void*> maybe_written;  ///< words of arguments that are structs: pointers, perhaps
  bool needs_fma = false;                  ///< the kernel was compiled for CPUs with FMA and AVX2

  /// Borrows what run_thread is given.
  template <class Call>
  void hold(const Call& held) {
    static_assert(alignof(Call) <= alignof(std::max_align_t), "a copy of it lies in ordinary memory");
    call = &held;
    call_bytes = sizeof held;
  }
};

/// Collects the pointers that a kernel could write through: those to non-const, and every word of a struct, since only
/// addresses inside a DeviceBuffer count in the end.
template <class T>
void collect_written(const T& argument, GridCall& call) {
  if constexpr (std::is_pointer_v<T>) {
    if (!std::is_const_v<std::remove_pointer_t<T>> && argument != nullptr) call.written.push_back(argument);
  } else if constexpr (std::is_class_v<T>) {
    static_assert(std::is_trivially_copyable_v<T>, "kernel arguments are copied as bytes");
    for (size_t at = 0; at + sizeof(void*) <= sizeof(T); at += sizeof(void*)) {
      const void* word;
      std::memcpy(&word, reinterpret_cast<const std::byte*>(&argument) + at, sizeof word);
      call.maybe_written.push_back(word);
    }
  }
}

/// Runs every block to its end; while launches are recorded (recorded_grids.h) it is only kept. Throws BackendError:
/// shape that a GPU of sm_90 refuses, stacks that cannot be had, divergence, damaged shared-memory fence, a race
/// (TwinOptions::check_races), a CPU without FMA where `needs_fma`.
void run_grid(const GridCall& call);

}  // namespace plumbline::twin
