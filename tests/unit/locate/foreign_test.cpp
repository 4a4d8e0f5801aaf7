// SPDX-License-Identifier: Apache-2.0
// Which shape a foreign tap has in the graph's axes; the rest of foreign.h is tried on whole files by the cli tests.
#include "locate/foreign.h"

#include "support/catch.h"

using namespace plumbline;

TEST_CASE("a shape is brought to the graph's axes by extents of 1 only, and only if one way is meant") {
  const std::vector<std::string> hidden = {"batch", "token", "channel"}, statistic = {"batch", "token", "stat"},
                                 heads = {"batch", "head", "token", "channel"}, channel = {"channel"};
  struct Row {
    std::vector<std::string> axes;
    Shape stored;
    std::optional<Shape> shape;
  };
  const Row rows[] = {
      {hidden, {1, 5, 8}, Shape{1, 5, 8}},
      {hidden, {5, 8}, Shape{1, 5, 8}},
      {hidden, {1, 1, 5, 8}, Shape{1, 5, 8}},
      {hidden, {5, 1, 8}, Shape{1, 5, 8}},  // token first: the same order of elements
      {hidden, {1, 8}, Shape{1, 1, 8}},     // one token: a batch axis is what is missing
      {hidden, {1, 1, 1, 8}, Shape{1, 1, 8}},
      {hidden, {8}, std::nullopt},  // one token, or one channel?
      {hidden, {2, 5, 8}, std::nullopt},
      {hidden, {2, 5, 4, 8}, std::nullopt},
      {hidden, {40}, std::nullopt},
      {statistic, {5}, Shape{1, 5, 1}},
      {statistic, {5, 1}, Shape{1, 5, 1}},
      {statistic, {1, 5}, Shape{1, 5, 1}},
      {heads, {4, 5, 8}, Shape{1, 4, 5, 8}},
      {heads, {4, 1, 8}, Shape{1, 4, 1, 8}},
      {heads, {4, 8}, std::nullopt},
      {channel, {1, 8}, Shape{8}},
  };
  for (const Row& row : rows) {
    INFO(to_string(row.stored));
    CHECK(shape_for_axes(row.stored, row.axes) == row.shape);
  }
}
