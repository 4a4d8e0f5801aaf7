// SPDX-License-Identifier: Apache-2.0
#include "diagnose/order_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace plumbline {
namespace {

constexpr size_t kShown = 4;

struct Run {
  int64_t to = 0, from = 0, count = 0;
};

std::string range(int64_t first, int64_t count) {
  return count == 1 ? std::to_string(first) : fmt::format("{}..{}", first, first + count - 1);
}

/// Stretches of indices that moved together.
std::vector<Run> runs_of(const std::vector<int64_t>& source) {
  std::vector<Run> runs;
  for (size_t i = 0; i < source.size(); ++i) {
    const auto to = static_cast<int64_t>(i);
    if (source[i] == to) continue;
    const bool joins =
        !runs.empty() && runs.back().to + runs.back().count == to && runs.back().from + runs.back().count == source[i];
    joins ? void(++runs.back().count) : runs.push_back({to, source[i], 1});
  }
  return runs;
}

std::string join_some(const std::vector<std::string>& parts) {
  const size_t shown = std::min(parts.size(), kShown);
  std::string text =
      fmt::format("{}", fmt::join(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return shown < parts.size() ? fmt::format("{} and {} more", text, parts.size() - shown) : text;
}

}  // namespace

std::string ranges_text(const std::vector<int64_t>& ascending) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < ascending.size();) {
    size_t end = i + 1;
    while (end < ascending.size() && ascending[end] == ascending[end - 1] + 1) ++end;
    parts.push_back(range(ascending[i], static_cast<int64_t>(end - i)));
    i = end;
  }
  return join_some(parts);
}

bool plausible_order(const std::vector<int64_t>& source) {
  std::vector<int64_t> sorted = source;
  std::sort(sorted.begin(), sorted.end());
  const bool each_once = std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  return each_once || runs_of(source).size() <= kShown;
}

std::string order_text(const std::vector<int64_t>& source) {
  const std::vector<Run> runs = runs_of(source);
  std::vector<std::string> parts;
  std::vector<bool> told(runs.size(), false);
  for (size_t i = 0; i < runs.size(); ++i) {
    if (told[i]) continue;
    const auto mirror = std::find_if(runs.begin(), runs.end(), [&](const Run& other) {
      return other.to == runs[i].from && other.from == runs[i].to && other.count == runs[i].count;
    });
    if (mirror != runs.end()) {
      told[static_cast<size_t>(mirror - runs.begin())] = true;
      parts.push_back(
          fmt::format("{} swapped with {}", range(runs[i].to, runs[i].count), range(runs[i].from, runs[i].count)));
    } else {
      parts.push_back(fmt::format("{} from {}", range(runs[i].to, runs[i].count), range(runs[i].from, runs[i].count)));
    }
  }
  return join_some(parts);
}

}  // namespace plumbline
