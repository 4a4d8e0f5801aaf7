// SPDX-License-Identifier: Apache-2.0
// Ops that move rows: the cache and the embedding. Which row each stored row is tells where it was read.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "diagnose/order_text.h"
#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

/// The row of `rows` (each `width` values) with the same bits as `row`; the nearest to `otherwise`; -1 for none.
int64_t same_row(const std::vector<double>& rows, size_t width, const double* row, int64_t otherwise) {
  const auto equal = [&](int64_t r) {
    return std::equal(row, row + width, rows.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(r) * width));
  };
  const auto count = static_cast<int64_t>(rows.size() / width);
  if (otherwise >= 0 && otherwise < count && equal(otherwise)) return otherwise;
  for (int64_t away = 1; away < count + std::max<int64_t>(otherwise, 0); ++away)
    for (const int64_t r : {otherwise - away, otherwise + away})
      if (r >= 0 && r < count && equal(r)) return r;
  return -1;
}

/// The one distance, around the end of the table, at which every token's row lies from the row that it should be; 0 for
/// none.
int64_t common_shift(const Bench& bench) {
  const OpInputs& first = bench.given(bench.steps().front());
  const auto rows = first.parameters[0].shape.front();
  const auto width = static_cast<size_t>(first.parameters[0].shape.back());
  const auto shifted = [&](int64_t id, int64_t shift) {
    return static_cast<size_t>((id + shift + rows) % rows) * width;
  };
  const auto explains = [&](int64_t shift) {
    for (const BenchStep& step : bench.steps()) {
      const OpInputs& in = bench.given(step);
      for (size_t t = 0; t < in.inputs[0].values.size(); ++t) {
        const double* const stored = step.stored[0].data() + t * width;
        const auto at = static_cast<std::ptrdiff_t>(shifted(static_cast<int64_t>(in.inputs[0].values[t]), shift));
        if (!std::equal(stored, stored + width, in.parameters[0].values.begin() + at)) return false;
      }
    }
    return true;
  };
  for (int64_t away = 1; away <= rows / 2; ++away)
    for (const int64_t shift : {-away, away})
      if (explains(shift)) return shift;
  return 0;
}

std::string moved_text(const std::vector<int64_t>& at, const std::set<int64_t>& offsets, std::string_view what) {
  if (offsets.size() == 1)
    return fmt::format("{} {} hold the one {} {}", what, ranges_text(at), std::abs(*offsets.begin()),
                       *offsets.begin() < 0 ? "before" : "behind");
  return fmt::format("{} {} hold others", what, ranges_text(at));
}

}  // namespace

void suspect_cache(const Bench& bench, size_t m, Suspects& out) {
  if (m + 1 != bench.chain().size()) return;
  std::vector<std::vector<int64_t>> sources;  // per step: the cache row that each row holds
  std::vector<int64_t> moved;
  std::set<int64_t> offsets;
  for (const BenchStep& step : bench.steps()) {
    const Evaluated& result = step.results[0];
    const auto heads = static_cast<size_t>(result.exact.shape.at(1)),
               rows = static_cast<size_t>(result.exact.shape.at(2)),
               width = static_cast<size_t>(result.exact.shape.at(3));
    std::vector<int64_t> source(rows);
    for (size_t r = 0; r < rows; ++r) {
      int64_t found = static_cast<int64_t>(r);
      for (size_t h = 0; h < heads; ++h) {
        const std::vector<double> head(
            result.exact.values.begin() + static_cast<std::ptrdiff_t>(h * rows * width),
            result.exact.values.begin() + static_cast<std::ptrdiff_t>((h + 1) * rows * width));
        found = same_row(head, width, step.stored[0].data() + (h * rows + r) * width, found);
        if (found < 0) return;
      }
      source[r] = found;
      if (found == static_cast<int64_t>(r)) continue;
      moved.push_back(static_cast<int64_t>(r));
      offsets.insert(found - static_cast<int64_t>(r));
    }
    sources.push_back(std::move(source));
  }
  if (moved.empty()) return;
  std::sort(moved.begin(), moved.end());
  moved.erase(std::unique(moved.begin(), moved.end()), moved.end());
  const auto edit = [sources](std::vector<Evaluated>& results, const OpInputs&, const StepFacts& step) {
    const auto& source = sources.at(step.number);
    std::vector<double>& y = results[0].exact.values;
    const std::vector<double> before = y;
    const auto width = static_cast<size_t>(results[0].exact.shape.back());
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t row = i / width % source.size();
      y[i] = before[i - row * width + static_cast<size_t>(source[row]) * width];
    }
  };
  out.push_back({std::string(code::kCacheSlot), moved_text(moved, offsets, "cache rows"), m, {}, {}, edit, {}});
}

void suspect_embedding(const Bench& bench, size_t m, Suspects& out) {
  if (m + 1 != bench.chain().size()) return;
  std::vector<std::vector<double>> ids;
  int64_t wrong = 0, all = 0;
  for (const BenchStep& step : bench.steps()) {
    const OpInputs& in = bench.given(step);
    const auto width = static_cast<size_t>(in.parameters[0].shape.back());
    ids.emplace_back();
    for (size_t t = 0; t < in.inputs[0].values.size(); ++t, ++all) {
      const auto own = static_cast<int64_t>(in.inputs[0].values[t]);
      const int64_t found = same_row(in.parameters[0].values, width, step.stored[0].data() + t * width, own);
      if (found < 0) return;
      ids.back().push_back(static_cast<double>(found));
      if (found == own) continue;
      ++wrong;
    }
  }
  if (wrong == 0) return;
  const int64_t shift = common_shift(bench);
  const auto edit = [ids](OpInputs& in, const StepFacts& step) { in.inputs[0].values = ids.at(step.number); };
  out.push_back({std::string(code::kRow),
                 shift != 0 && wrong > 1 ? fmt::format("rows are read at id {:+}", shift)
                                         : fmt::format("{} of {} tokens read another token's row", wrong, all),
                 m,
                 {},
                 edit,
                 {},
                 {}});
}

}  // namespace plumbline
