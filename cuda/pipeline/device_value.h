// SPDX-License-Identifier: Apache-2.0
// A tensor in device memory, shared by the steps that read it, and its way to the host. Invariant: bytes are copied as
// they are; a cache kept by token comes out in the graph's order. Left to others: who computes it.
#pragma once
#include <memory>
#include <string>

#include <plumbline/tensor.h>

#include "cuda/common/bf16.h"
#include "cuda/common/memory.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

struct DeviceValue {
  std::shared_ptr<DeviceBuffer> buffer;
  DType dtype = DType::bf16;
  Shape shape;               ///< as the graph has it
  bool by_token = false;     ///< the bytes are [P,KV,D] though the shape is [1,KV,P,D]; the buffer may hold more tokens
  bool by_position = false;  ///< the buffer holds as much for every position, one behind the other: of a recorded step
  bool constant = false;     ///< no step writes it

  /// Fresh memory of exactly the size that the shape asks for, poisoned: with `later`, unless that is null. `path`
  /// names it in errors.
  static DeviceValue allocate(const std::string& path, DType dtype, Shape shape, FillBatch* later = nullptr);
  /// A copy of `tensor`.
  static DeviceValue upload(const std::string& path, const TensorView& tensor);

  int64_t extent(size_t axis) const { return shape.at(axis); }
  int64_t last() const { return shape.back(); }
  /// Product of all extents but the last.
  int64_t rows() const { return element_count(shape) / last(); }
  template <class T>
  T* as() const {
    return buffer->as<T>();
  }
  /// Copies to the host. With `checked`, throws BackendError if the fences are damaged or poison survived in it.
  Tensor to_host(bool checked) const;
};

/// Throws the BackendError for poison that survived in the tap `name`.
[[noreturn]] void fail_unwritten(const std::string& name, const std::vector<std::string>& details);
/// Throws it if poison survived in the bytes of the tap `name`.
void require_written(const std::string& name, std::span<const std::byte> bytes);
/// Bytes that lie as [P,KV,D], in the order of the shape that `values` states: [1,KV,P,D].
Tensor tokens_to_heads(const TensorView& values);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
