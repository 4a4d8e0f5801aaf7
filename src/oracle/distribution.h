// SPDX-License-Identifier: Apache-2.0
// How the errors of one result are distributed, all steps together, beside what its contract makes of them: how large
// they are, whether they lean to one side, and whether they gather in one token, channel, head or tile. A tensor may
// hold every bound and no more unequal bits than the mismatch law allows, and yet err as no rounding does.
// Two kinds of element: coarse ones, whose bits can be right, count unequal bits; fine ones, whose expected error is a
// step of the output or more, count errors in units of that. Invariant: every limit follows from the expected sizes.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "oracle/oracle.h"

namespace plumbline {

/// Unequal bits where chance would not put so many.
struct Excess {
  std::string slice;  ///< "token 17", "head 1, channel 3", "token 16..31, channel 64..127"
  int64_t mismatches = 0;
  double expected = 0.0;
  int64_t allowed = 0;
  size_t step = 0;     ///< of the first of them, counted in calls of add()
  int64_t first = -1;  ///< its flat index there
};

/// Limits: no right implementation has errors so large on average, or leans by so many standard deviations.
inline constexpr double kLoud = 10.0, kLeaning = 6.5;

class Distribution {
 public:
  /// The next step; its tokens follow those of the one before.
  void add(const Evaluated& oracle, const std::vector<double>& stored);

  /// Root mean square of the errors of fine elements, each in units of its expected size; NaN without any.
  double loudness() const;
  /// Standard deviations by which the mean signed error passes what may be systematic: towards larger magnitudes or
  /// (negative) zero, or up or down, whichever passes by more. 0 if neither does. `systematic`: how many times the
  /// expected size all errors together may lean to one side.
  double bias(double systematic) const;
  /// The slice that passes by most what chance may put there. Where the elements of a row share an error only channels
  /// are looked at.
  std::optional<Excess> excess() const;

 private:
  /// A coarse element that rounding may flip, or that was flipped.
  struct Event {
    std::array<int32_t, 4> at{};  ///< coordinates; that along "token" counts on over the steps
    double expected = 0.0;
    bool unequal = false;
    size_t step = 0;
    int64_t index = 0;
  };
  /// Signed errors of one row, which may share one error.
  struct Row {
    double outward = 0.0, upward = 0.0, expected = 0.0, variance = 0.0;
  };
  void add_element(const Evaluated& oracle, size_t i, double stored, double spacing, Event event, Row& row);
  void close(const Row& row);
  using Key = std::array<int32_t, 4>;
  /// One way to cut the result into slices: blocks of that width along each axis, 0 where it is not cut.
  struct Cut {
    std::array<int32_t, 4> width{};
  };
  std::vector<Cut> cuts() const;
  double slices_of(const Cut& cut) const;
  std::string name_of(const Cut& cut, const Key& key) const;
  std::map<Key, Excess> crowded(const Cut& cut) const;  ///< slices with more unequal bits than a few

  std::vector<std::string> axes_;
  std::array<int32_t, 4> extents_{};
  size_t steps_ = 0, fine_ = 0;
  double fine_squares_ = 0.0;
  bool shared_ = false;  ///< the elements of a row turn together: only slices with one of each row say something
  Row sums_;             ///< of all rows; its variance holds the rows' own
  std::vector<Event> events_;
  std::unordered_set<uint64_t>
      seen_;  ///< unequal bits met: rows that hold the same numbers err together, and count once
};

/// How many times the expected size of its errors an op's results may all be off to the same side, by its contract:
/// tensor cores cut towards zero, long sums in f32 drift, functions may be off by their most everywhere; other
/// roundings to nearest do not lean.
double systematic_share(const Contract& contract);

}  // namespace plumbline
