// SPDX-License-Identifier: Apache-2.0
// Changes of layout: each step turns a row-major tensor into another, bytes copied as they are.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "locate/name_map.h"

namespace plumbline {
namespace {

[[noreturn]] void refuse(const std::string& reason) { throw InputError(reason); }

size_t axis_of(int64_t axis, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  if (axis < -rank || axis >= rank) refuse(fmt::format("axis {} of {}", axis, to_string(shape)));
  return static_cast<size_t>(axis < 0 ? axis + rank : axis);
}

Tensor reshaped(const Tensor& tensor, const Shape& shape) {
  const auto owner = std::make_shared<const Tensor>(tensor);
  return Tensor::borrow({owner->dtype(), shape, owner->data()}, owner);
}

Shape reshape_target(const Shape& from, const std::vector<int64_t>& numbers) {
  Shape to;
  size_t open = numbers.size();
  int64_t known = 1;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] < -1 || (numbers[i] == 0 && i >= from.size()) || (numbers[i] == -1 && open < numbers.size()))
      refuse(fmt::format("reshape of {}: extent {} at place {}", to_string(from), numbers[i], i));
    to.push_back(numbers[i] == 0 ? from[i] : numbers[i]);
    if (numbers[i] == -1)
      open = i;
    else if (__builtin_mul_overflow(known, to.back(), &known))
      refuse(fmt::format("reshape of {} to [{}]: more elements than can be counted", to_string(from),
                         fmt::join(numbers, ", ")));
  }
  const int64_t count = element_count(from);
  if (open < to.size()) to[open] = known == 0 ? 0 : count / known;
  if (element_count(to) != count) refuse(fmt::format("{} has not the elements of {}", to_string(to), to_string(from)));
  return to;
}

Tensor sliced(const Tensor& tensor, size_t axis, int64_t begin, int64_t end) {
  Shape shape = tensor.shape();
  if (begin < 0 || begin >= end || end > shape[axis])
    refuse(fmt::format("slice {} to {} of axis {} of {}", begin, end, axis, to_string(shape)));
  const auto product = [&](auto first, auto last) {
    return static_cast<size_t>(std::accumulate(first, last, int64_t{1}, std::multiplies<>()));
  };
  const auto at = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  const size_t rows = product(shape.begin(), at), extent = static_cast<size_t>(*at);
  const size_t inner = product(at + 1, shape.end()) * element_bytes(tensor.dtype());
  shape[axis] = end - begin;
  const size_t kept = static_cast<size_t>(end - begin) * inner;
  Tensor result(tensor.dtype(), shape);
  for (size_t row = 0; row < rows; ++row)
    std::memcpy(result.mutable_data() + row * kept, tensor.data() + (row * extent + static_cast<size_t>(begin)) * inner,
                kept);
  return result;
}

Tensor transposed(const Tensor& tensor, const std::vector<size_t>& order) {
  const Shape& from = tensor.shape();
  std::vector<size_t> stride(from.size(), element_bytes(tensor.dtype()));
  for (size_t axis = from.size(); axis-- > 1;) stride[axis - 1] = stride[axis] * static_cast<size_t>(from[axis]);
  Shape to;
  for (const size_t axis : order) to.push_back(from[axis]);
  Tensor result(tensor.dtype(), to);
  std::byte* out = result.mutable_data();
  const size_t size = element_bytes(tensor.dtype());
  Shape index(to.size(), 0);
  for (int64_t i = 0; i < tensor.count(); ++i, out += size) {
    size_t offset = 0;
    for (size_t axis = 0; axis < to.size(); ++axis) offset += static_cast<size_t>(index[axis]) * stride[order[axis]];
    std::memcpy(out, tensor.data() + offset, size);
    for (size_t axis = to.size(); axis-- > 0;) {
      if (++index[axis] < to[axis]) break;
      index[axis] = 0;
    }
  }
  return result;
}

std::vector<size_t> order_of(const std::vector<int64_t>& numbers, const Shape& shape) {
  std::vector<size_t> order, sorted;
  for (const int64_t axis : numbers) order.push_back(axis_of(axis, shape));
  sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (order.size() != shape.size() || std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    refuse(fmt::format("transpose names {} axes, {} has {}", order.size(), to_string(shape), shape.size()));
  return order;
}

Tensor squeezed(const Tensor& tensor, size_t axis) {
  Shape shape = tensor.shape();
  if (shape[axis] != 1) refuse(fmt::format("squeeze of axis {} of {}", axis, to_string(shape)));
  shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  return reshaped(tensor, shape);
}

Tensor one_step(const Tensor& tensor, const LayoutStep& step) {
  const std::vector<int64_t>& n = step.numbers;
  switch (step.kind) {
    case LayoutStep::Kind::slice: return sliced(tensor, axis_of(n[0], tensor.shape()), n[1], n[2]);
    case LayoutStep::Kind::reshape: return reshaped(tensor, reshape_target(tensor.shape(), n));
    case LayoutStep::Kind::transpose: return transposed(tensor, order_of(n, tensor.shape()));
    case LayoutStep::Kind::squeeze: return squeezed(tensor, axis_of(n[0], tensor.shape()));
  }
  return tensor;
}

}  // namespace

Tensor relaid(const Tensor& tensor, const std::vector<LayoutStep>& steps) {
  Tensor result = tensor;
  for (const LayoutStep& step : steps) result = one_step(result, step);
  return result;
}

}  // namespace plumbline
