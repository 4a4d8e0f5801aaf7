// SPDX-License-Identifier: Apache-2.0
// The elements of one tap that take part in a pairing: rows along "token", the first keys along "key", all of every
// other axis. Invariant: selections of both sides over one StepPair have equal shapes, or the taps are incomparable.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <plumbline/tensor.h>

#include "locate/positions.h"

namespace plumbline {

struct Selection {
  Shape shape;                ///< of the selected block
  std::vector<int64_t> flat;  ///< row-major indices into the tap; empty if the whole tap is selected
  bool whole = false;
};

/// The selection of one side, or nullopt with `why_not` filled if the shape does not fit the axes and the step.
std::optional<Selection> select(const Shape& shape, const std::vector<std::string>& axes, const StepPair& pair,
                                SideId side, std::string& why_not);

/// The block as a tensor (the tap itself, uncopied, if whole).
Tensor gather(const Tensor& tap, const Selection& selection);
/// The block out of values in the tap's order.
std::vector<double> gather(const std::vector<double>& values, const Selection& selection);

/// Row-major index of a flat position, and back.
Shape unflatten(int64_t flat, const Shape& shape);
int64_t flatten(const Shape& index, const Shape& shape);

/// The order of `actual`'s axes that gives `expected`: by names if both are permutations of each other, else by
/// extents. nullopt if none fits. The identity is never returned.
std::optional<std::vector<size_t>> fitting_permutation(const Shape& expected,
                                                       const std::vector<std::string>& expected_axes,
                                                       const Shape& actual,
                                                       const std::vector<std::string>& actual_axes);

}  // namespace plumbline
