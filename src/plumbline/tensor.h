// SPDX-License-Identifier: Apache-2.0
// A tensor: element format, shape and row-major contiguous bytes; views borrow, Tensor shares ownership.
// Invariant: byte_size == element_count(shape) * element_bytes(dtype), checked at construction.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <plumbline/dtype.h>

namespace plumbline {

using Shape = std::vector<int64_t>;

/// Product of the extents (1 for rank 0). Throws ShapeError on a negative extent or if it overflows int64.
int64_t element_count(const Shape& shape);
/// "[1, 24, 128]"
std::string to_string(const Shape& shape);

/// Borrowed, read-only, row-major. The bytes need no alignment: read elements with decode() or memcpy.
struct TensorView {
  DType dtype = DType::f32;
  Shape shape;
  const std::byte* data = nullptr;

  int64_t count() const { return element_count(shape); }
  size_t byte_size() const { return static_cast<size_t>(count()) * element_bytes(dtype); }
  std::span<const std::byte> bytes() const { return {data, byte_size()}; }
  /// Element at the flat row-major index, exactly widened.
  double at(int64_t index) const { return decode(dtype, data + static_cast<size_t>(index) * element_bytes(dtype)); }
};

/// A tensor that shares its bytes: an own 64-byte aligned allocation, or a slice of something kept alive (a mapped
/// file).
class Tensor {
 public:
  Tensor() = default;
  /// Owned, every byte 0xFF (a NaN in every floating format), so that an element never written is seen.
  Tensor(DType dtype, Shape shape);
  /// Borrows `view` for as long as `owner` lives. Read-only.
  static Tensor borrow(TensorView view, std::shared_ptr<const void> owner);
  /// Rounds every value once to `dtype` (encode).
  static Tensor from_values(DType dtype, Shape shape, std::span<const double> values);

  const TensorView& view() const { return view_; }
  DType dtype() const { return view_.dtype; }
  const Shape& shape() const { return view_.shape; }
  int64_t count() const { return view_.count(); }
  size_t byte_size() const { return view_.byte_size(); }
  const std::byte* data() const { return view_.data; }
  /// Writable bytes of an owned tensor. Throws Error if the bytes are borrowed.
  std::byte* mutable_data();
  bool empty() const { return view_.data == nullptr; }

 private:
  TensorView view_;
  std::shared_ptr<const void> owner_;
  bool owned_ = false;
};

/// All elements, exactly widened (row-major).
std::vector<double> to_values(const TensorView& tensor);

}  // namespace plumbline
