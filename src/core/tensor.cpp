// SPDX-License-Identifier: Apache-2.0
#include <plumbline/tensor.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <plumbline/error.h>

namespace plumbline {

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0) throw ShapeError("a tensor shape has a negative extent", {"shape  " + to_string(shape)}, "");
    if (__builtin_mul_overflow(count, extent, &count))
      throw ShapeError("a tensor shape has too many elements", {"shape  " + to_string(shape)}, "");
  }
  return count;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Tensor::Tensor(DType dtype, Shape shape) {
  view_.dtype = dtype;
  view_.shape = std::move(shape);
  const size_t bytes = view_.byte_size();
  constexpr size_t kAlignment = 64;
  void* memory = std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0xFF, bytes);
  owner_ = std::shared_ptr<const void>(memory, [](void* p) { std::free(p); });
  view_.data = static_cast<const std::byte*>(memory);
  owned_ = true;
}

Tensor Tensor::borrow(TensorView view, std::shared_ptr<const void> owner) {
  element_count(view.shape);  // throws if the shape is unsound
  Tensor tensor;
  tensor.view_ = std::move(view);
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::from_values(DType dtype, Shape shape, std::span<const double> values) {
  Tensor tensor(dtype, std::move(shape));
  if (tensor.count() != static_cast<int64_t>(values.size())) {
    throw ShapeError("values do not fill the tensor",
                     {"shape   " + to_string(tensor.shape()), "values  " + std::to_string(values.size())}, "");
  }
  std::byte* to = tensor.mutable_data();
  for (const double value : values) {
    encode(dtype, value, to);
    to += element_bytes(dtype);
  }
  return tensor;
}

std::byte* Tensor::mutable_data() {
  if (!owned_) throw Error("a borrowed tensor is read-only");
  return const_cast<std::byte*>(view_.data);
}

std::vector<double> to_values(const TensorView& tensor) {
  const int64_t count = tensor.count();
  std::vector<double> values(static_cast<size_t>(count));
  const size_t step = element_bytes(tensor.dtype);
  const std::byte* from = tensor.data;
  for (double& value : values) {
    value = decode(tensor.dtype, from);
    from += step;
  }
  return values;
}

}  // namespace plumbline
