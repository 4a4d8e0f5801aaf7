// SPDX-License-Identifier: Apache-2.0
// Index lists for pairing, and the search for a permutation that would make two shapes meet.
#include "locate/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace plumbline {
namespace {

std::vector<int64_t> iota(int64_t count) {
  std::vector<int64_t> list(static_cast<size_t>(count));
  std::iota(list.begin(), list.end(), int64_t{0});
  return list;
}

std::vector<int64_t> flat_indices(const Shape& shape, const std::vector<std::vector<int64_t>>& lists) {
  std::vector<int64_t> flat{0};
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<int64_t> next;
    next.reserve(flat.size() * lists[axis].size());
    for (const int64_t base : flat)
      for (const int64_t index : lists[axis]) next.push_back(base * shape[axis] + index);
    flat = std::move(next);
  }
  return flat;
}

}  // namespace

std::optional<Selection> select(const Shape& shape, const std::vector<std::string>& axes, const StepPair& pair,
                                SideId side, std::string& why_not) {
  if (axes.size() != shape.size()) {
    why_not = fmt::format("{} axes are named for shape {}", axes.size(), to_string(shape));
    return std::nullopt;
  }
  const bool reference = side == SideId::reference;
  const std::vector<int64_t>& rows = reference ? pair.reference_rows : pair.candidate_rows;
  const int64_t keys = reference ? pair.reference_keys : pair.candidate_keys;
  std::vector<std::vector<int64_t>> lists;
  Selection selection;
  selection.whole = true;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    std::vector<int64_t> list = iota(shape[axis]);
    if (axes[axis] == "token") {
      if (rows.back() >= shape[axis]) {
        why_not = fmt::format("axis \"token\" of shape {} has no row {}", to_string(shape), rows.back());
        return std::nullopt;
      }
      list = rows;
    } else if (axes[axis] == "key") {
      if (shape[axis] != keys) {
        why_not = fmt::format("axis \"key\" of shape {} should have {} keys", to_string(shape), keys);
        return std::nullopt;
      }
      list = iota(pair.keys);
    }
    selection.whole = selection.whole && list == iota(shape[axis]);
    selection.shape.push_back(static_cast<int64_t>(list.size()));
    lists.push_back(std::move(list));
  }
  if (!selection.whole) selection.flat = flat_indices(shape, lists);
  return selection;
}

Tensor gather(const Tensor& tap, const Selection& selection) {
  if (selection.whole) return tap;
  Tensor block(tap.dtype(), selection.shape);
  const size_t bytes = element_bytes(tap.dtype());
  std::byte* to = block.mutable_data();
  for (const int64_t index : selection.flat) {
    std::memcpy(to, tap.data() + static_cast<size_t>(index) * bytes, bytes);
    to += bytes;
  }
  return block;
}

std::vector<double> gather(const std::vector<double>& values, const Selection& selection) {
  if (selection.whole) return values;
  std::vector<double> block;
  block.reserve(selection.flat.size());
  for (const int64_t index : selection.flat) block.push_back(values[static_cast<size_t>(index)]);
  return block;
}

Shape unflatten(int64_t flat, const Shape& shape) {
  Shape index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return index;
}

int64_t flatten(const Shape& index, const Shape& shape) {
  int64_t flat = 0;
  for (size_t axis = 0; axis < shape.size(); ++axis) flat = flat * shape[axis] + index[axis];
  return flat;
}

std::optional<std::vector<size_t>> fitting_permutation(const Shape& expected,
                                                       const std::vector<std::string>& expected_axes,
                                                       const Shape& actual,
                                                       const std::vector<std::string>& actual_axes) {
  if (expected.size() != actual.size() || expected.size() > 8) return std::nullopt;
  std::vector<size_t> order(actual.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const bool by_name =
      expected_axes != actual_axes && expected_axes.size() == expected.size() &&
      std::is_permutation(expected_axes.begin(), expected_axes.end(), actual_axes.begin(), actual_axes.end()) &&
      actual_axes.size() == actual.size();
  while (std::next_permutation(order.begin(), order.end())) {
    bool fits = true;
    for (size_t axis = 0; axis < order.size() && fits; ++axis)
      fits = actual[order[axis]] == expected[axis] && (!by_name || actual_axes[order[axis]] == expected_axes[axis]);
    if (fits) return order;
  }
  return std::nullopt;
}

}  // namespace plumbline
