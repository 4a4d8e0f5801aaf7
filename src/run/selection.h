// SPDX-License-Identifier: Apache-2.0
// Which taps a run records: what --taps says, on the taps that the backend has. Invariant: a tap is wanted or not for
// the whole run. The words are no tap paths: those hold a dot, or are tokens, positions, embed, logits.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/statistics.h"

#include <plumbline/op_graph.h>
#include <plumbline/tap.h>

namespace plumbline::run {

struct PathHash {
  using is_transparent = void;
  size_t operator()(std::string_view path) const { return std::hash<std::string_view>{}(path); }
};

/// Hashed: a backend asks for each tap of each step.
using TapPaths = std::unordered_set<std::string, PathHash, std::equal_to<>>;

/// The taps that globs and words name together. "all": every one; "outputs": the graph's inputs and what its ops hand
/// on, so that every op can be replayed; "none", which stands alone: no tap; "stats": the statistics of the others in
/// place of their values, by itself of all. Throws UsageError for "none" beside others and for a glob that matches
/// nothing, with near-misses.
TapPaths selected_taps(const std::vector<std::string>& choices, const OpGraph& graph);

/// Whether "stats" is among them.
bool asks_for_statistics(const std::vector<std::string>& choices);

/// A sink behind which only the selected taps arrive.
class SelectedTaps final : public TapSink {
 public:
  SelectedTaps(TapSink& next, TapPaths paths) : next_(next), paths_(std::move(paths)) {}
  bool wants(std::string_view path) const override { return paths_.contains(path); }
  void begin_step(const Step& step) override { next_.begin_step(step); }
  void record(const TapSpec& spec, const TensorView& values) override {
    // A backend may hand out more than was asked for; but statistics, which have paths of their own, of nothing else.
    if (wants(spec.path) || holds_statistics(spec.axes, values.shape)) next_.record(spec, values);
  }

 private:
  TapSink& next_;
  const TapPaths paths_;
};

/// A sink behind which taps arrive as their statistics, unless the backend has made those of them already.
class ReducedTaps final : public TapSink {
 public:
  explicit ReducedTaps(TapSink& next) : next_(next) {}
  bool wants(std::string_view path) const override { return next_.wants(path); }
  void begin_step(const Step& step) override { next_.begin_step(step); }
  void record(const TapSpec& spec, const TensorView& values) override;

 private:
  TapSink& next_;
};

}  // namespace plumbline::run
