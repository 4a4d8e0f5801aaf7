// SPDX-License-Identifier: Apache-2.0
// What can be wrong with any op: it reads another tensor, is off by a factor, or has parts in another order.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "diagnose/order_text.h"
#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

Mistake with_results(size_t m, std::string_view family, std::string text,
                     std::function<void(Evaluated&, const OpInputs&, const StepFacts&)> change) {
  const auto edit = [change](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts& step) {
    for (Evaluated& result : results) change(result, in, step);
  };
  return {std::string(family), std::move(text), m, {}, {}, edit, {}};
}

/// The op's results and everything computed from them: they hold its error because they read it.
std::set<std::string> downstream_of(const OpGraph& graph, const Op& op) {
  std::set<std::string> reached;
  for (const TapSpec& spec : op.outputs) reached.insert(spec.path);
  for (const Op& later : graph.ops) {
    const bool reads = std::any_of(later.inputs.begin(), later.inputs.end(),
                                   [&](const std::string& path) { return reached.contains(path); });
    if (!reads) continue;
    for (const TapSpec& spec : later.outputs) reached.insert(spec.path);
  }
  return reached;
}

/// Taps of the op's own layer and its neighbours that the candidate recorded and that do not depend on the op.
std::vector<std::string> taps_nearby(const Bench& bench) {
  std::vector<std::string> paths;
  const Context& context = bench.failed().context;
  // What depends on the op in the candidate: a norm that it runs ahead of the op may stand behind it in the reference.
  const std::set<std::string> downstream = downstream_of(context.candidate_graph, bench.op());
  for (const Op& op : context.graph.ops) {
    if (op.layer >= 0 && bench.op().layer >= 0 && std::abs(op.layer - bench.op().layer) > 1) continue;
    for (const TapSpec& spec : op.outputs)
      if (!spec.inner && !downstream.contains(spec.path) &&
          context.candidate_trace.find(spec.path, bench.steps().front().facts.step) != nullptr)
        paths.push_back(spec.path);
  }
  return paths;
}

/// The tap in every step, or nothing if its shape is not that of `like` in one of them.
std::vector<std::vector<double>> values_of(const Bench& bench, const std::string& path,
                                           const std::function<const Shape&(const BenchStep&)>& like) {
  std::vector<std::vector<double>> all;
  for (const BenchStep& step : bench.steps()) {
    const Array* tap = bench.recorded(path, step);
    if (tap == nullptr || tap->shape != like(step)) return {};
    all.push_back(tap->values);
  }
  return all;
}

void suspect_input(const Bench& bench, size_t input, const std::vector<std::string>& paths, Suspects& out) {
  const size_t m = bench.chain().size() - 1;
  const Op& op = bench.op();
  for (const std::string& path : paths) {
    if (path == op.inputs[input]) continue;
    const auto values = values_of(
        bench, path, [&](const BenchStep& step) -> const Shape& { return bench.given(step).inputs[input].shape; });
    if (values.empty()) continue;
    const auto edit = [values, input](OpInputs& in, const StepFacts& step) {
      in.inputs[input].values = values.at(step.number);
    };
    out.push_back({std::string(code::kWrongInput),
                   fmt::format("it reads {} in place of {}", path, op.inputs[input]),
                   m,
                   {},
                   edit,
                   {},
                   {}});
  }
}

void suspect_foreign_result(const Bench& bench, const std::vector<std::string>& paths, Suspects& out) {
  const BenchStep& first = bench.steps().front();
  if (first.results.size() != 1) return;
  for (const std::string& path : paths) {
    const auto values =
        values_of(bench, path, [&](const BenchStep& step) -> const Shape& { return step.results[0].exact.shape; });
    if (values.empty()) continue;
    out.push_back(with_results(bench.chain().size() - 1, code::kWrongInput,
                               fmt::format("what it stored is {}, not its own result", path),
                               [values](Evaluated& result, const OpInputs&, const StepFacts& step) {
                                 result.exact.values = values.at(step.number);
                               }));
  }
}

// ---- factors

struct Named {
  double value;
  std::string text;
};

std::vector<Named> named_factors(const Bench& bench) {
  const ModelConfig& config = bench.failed().context.candidate_model.config;
  const auto head = static_cast<double>(config.head_dim), hidden = static_cast<double>(config.hidden);
  std::vector<Named> all = {{std::log(2.0), "ln 2"}, {1.0 / std::log(2.0), "log2 e"}};
  const auto sizes = [&](double n, const std::string& name) {
    all.push_back({std::sqrt(n), fmt::format("sqrt({})", name)});
    all.push_back({1.0 / std::sqrt(n), fmt::format("1/sqrt({})", name)});
    all.push_back({1.0 / n, fmt::format("1/{}", name)});
    all.push_back({n, name});
  };
  sizes(head, fmt::format("head_dim {}", config.head_dim));
  sizes(hidden, fmt::format("hidden {}", config.hidden));
  if (config.kv_heads > 0) sizes(static_cast<double>(config.heads / config.kv_heads), "heads per key-value head");
  return all;
}

Mistake with_factor(size_t m, double factor, const std::string& name) {
  return with_results(
      m, code::kScale,
      fmt::format("the result is multiplied by {}{}", number_text(factor), name.empty() ? "" : " = " + name),
      [factor](Evaluated& result, const OpInputs&, const StepFacts&) {
        for (double& value : result.exact.values) value *= factor;
      });
}

Mistake with_late_factor(size_t m, double factor) {
  const auto rounding = [factor](double value, DType dtype) {
    return round_to(dtype, round_to(dtype, value) * factor);
  };
  return {std::string(code::kScale),
          fmt::format("the result, rounded, is multiplied by {}", number_text(factor)),
          m,
          {},
          {},
          {},
          rounding};
}

/// <stored, replayed> / <replayed, replayed> over the elements that `of` gives the same number.
std::vector<double> factors_by(const Bench& bench, size_t groups,
                               const std::function<size_t(const Evaluated&, size_t)>& of) {
  std::vector<double> product(groups, 0.0), size(groups, 0.0);
  for (const BenchStep& step : bench.steps())
    for (size_t k = 0; k < step.results.size(); ++k)
      for (size_t i = 0; i < step.stored[k].size(); ++i) {
        const double stored = step.stored[k][i], exact = step.results[k].exact.values[i];
        if (!(std::fabs(stored) < 1e30) || !(std::fabs(exact) < 1e30)) continue;
        const size_t group = of(step.results[k], i);
        product[group] += stored * exact;
        size[group] += exact * exact;
      }
  for (size_t g = 0; g < groups; ++g) product[g] = size[g] > 0.0 ? product[g] / size[g] : 1.0;
  return product;
}

// ---- order along an axis

size_t inner_of(const Shape& shape, size_t axis) {
  size_t inner = 1;
  for (size_t k = axis + 1; k < shape.size(); ++k) inner *= static_cast<size_t>(shape[k]);
  return inner;
}

/// For each slice along the axis the replayed slice that is nearest to what was stored there.
std::vector<int64_t> nearest_slices(const Evaluated& result, const std::vector<double>& stored, size_t axis) {
  const auto extent = static_cast<size_t>(result.exact.shape[axis]);
  const size_t inner = inner_of(result.exact.shape, axis), block = extent * inner;
  std::vector<int64_t> source(extent);
  for (size_t to = 0; to < extent; ++to) {
    const auto distance = [&](size_t from) {
      double sum = 0.0;
      for (size_t at = 0; at + block <= stored.size(); at += block)
        for (size_t i = 0; i < inner; ++i) {
          const double d = stored[at + to * inner + i] - result.exact.values[at + from * inner + i];
          if (std::fabs(d) < 1e30) sum += d * d;
        }
      return sum;
    };
    double least = 0.5 * distance(to);
    source[to] = static_cast<int64_t>(to);
    for (size_t from = 0; from < extent; ++from)
      if (const double here = distance(from); here < least) least = here, source[to] = static_cast<int64_t>(from);
  }
  return source;
}

bool in_place(const std::vector<int64_t>& source) {
  for (size_t i = 0; i < source.size(); ++i)
    if (source[i] != static_cast<int64_t>(i)) return false;
  return true;
}

void suspect_axis(const Bench& bench, size_t axis, const std::string& name, Suspects& out) {
  constexpr double kMostWork = 2e8;
  std::vector<std::vector<int64_t>> sources;
  const std::vector<int64_t>* shown = nullptr;
  for (const BenchStep& step : bench.steps()) {
    const Evaluated& result = step.results[0];
    const double work = static_cast<double>(result.exact.values.size()) * static_cast<double>(result.exact.shape[axis]);
    if (result.exact.shape[axis] < 2 || work > kMostWork) {
      sources.emplace_back();
      for (int64_t i = 0; i < result.exact.shape[axis]; ++i) sources.back().push_back(i);
    } else {
      sources.push_back(nearest_slices(result, step.stored[0], axis));
    }
  }
  for (const auto& source : sources)
    if (!in_place(source) && shown == nullptr) shown = &source;
  if (shown == nullptr || !std::all_of(sources.begin(), sources.end(), plausible_order)) return;
  const std::string said = fmt::format("along \"{}\" in another order: {}", name, order_text(*shown));
  out.push_back(with_results(bench.chain().size() - 1, code::kOrder, said,
                             [sources, axis](Evaluated& result, const OpInputs&, const StepFacts& step) {
                               const auto& source = sources.at(step.number);
                               const size_t inner = inner_of(result.exact.shape, axis), block = source.size() * inner;
                               const std::vector<double> before = result.exact.values;
                               for (size_t i = 0; i < before.size(); ++i) {
                                 const size_t slice = i / inner % source.size();
                                 result.exact.values[i] =
                                     before[i / block * block + static_cast<size_t>(source[slice]) * inner + i % inner];
                               }
                             }));
}

/// The whole result by one factor. What scales has a factor of its own, which is fitted as such.
void suspect_one_factor(const Bench& bench, size_t m, Suspects& out) {
  if (bench.chain()[m]->kind == OpKind::scale) return;
  const double factor = factors_by(bench, 1, [](const Evaluated&, size_t) { return size_t{0}; })[0];
  for (const Named& named : named_factors(bench))
    if (std::fabs(factor / named.value - 1.0) < 0.01) out.push_back(with_factor(m, named.value, named.text));
  for (const double tolerance : {0.01, 0.001, 0.0001})
    out.push_back(with_factor(m, rounded_number(factor, tolerance), ""));
  for (const double tolerance : {0.01, 0.001, 0.0001})
    out.push_back(with_late_factor(m, rounded_number(factor, tolerance)));
}

}  // namespace

void suspect_wiring(const Bench& bench, size_t m, Suspects& out) {
  if (m + 1 != bench.chain().size() || bench.op().inputs.empty()) return;
  const std::vector<std::string> paths = taps_nearby(bench);
  suspect_foreign_result(bench, paths, out);
  for (size_t input = 0; input < bench.op().inputs.size(); ++input) suspect_input(bench, input, paths, out);
  if (bench.op().kind != OpKind::split_heads && bench.op().kind != OpKind::merge_heads) return;
  out.push_back(with_results(
      m, code::kOrder, "its input is reshaped without being transposed",
      [](Evaluated& result, const OpInputs& in, const StepFacts&) { result.exact.values = in.inputs[0].values; }));
}

void suspect_scale(const Bench& bench, size_t m, Suspects& out) {
  if (m + 1 != bench.chain().size()) return;
  suspect_one_factor(bench, m, out);
  const Shape& shape = bench.steps().front().results[0].exact.shape;
  const std::vector<std::string>& axes = bench.steps().front().results[0].spec->axes;
  for (size_t axis = 0; axis < shape.size() && axis < axes.size() && bench.steps().front().results.size() == 1;
       ++axis) {
    if (axes[axis] != "head" && axes[axis] != "channel") continue;
    const auto extent = static_cast<size_t>(shape[axis]);
    const std::vector<double> factors = factors_by(bench, extent, [axis](const Evaluated& result, size_t i) {
      return i / inner_of(result.exact.shape, axis) % static_cast<size_t>(result.exact.shape[axis]);
    });
    const auto usual =
        std::count_if(factors.begin(), factors.end(), [](double f) { return std::fabs(f - 1.0) < 0.01; });
    std::vector<int64_t> moved;
    for (size_t g = 0; g < extent; ++g)
      if (std::fabs(factors[g] - 1.0) >= 0.01) moved.push_back(static_cast<int64_t>(g));
    if (usual * 2 < static_cast<std::ptrdiff_t>(extent) || moved.empty()) continue;
    const bool zeroed =
        std::any_of(moved.begin(), moved.end(), [&](int64_t g) { return factors[static_cast<size_t>(g)] == 0.0; });
    if (zeroed) continue;  // which is no factor: suspect_storage says it better
    std::set<std::string> values;
    for (const int64_t g : moved) values.insert(number_text(rounded_number(factors[static_cast<size_t>(g)], 0.01)));
    std::vector<double> applied(extent, 1.0);
    for (const int64_t g : moved)
      applied[static_cast<size_t>(g)] = rounded_number(factors[static_cast<size_t>(g)], 0.0005);
    out.push_back(with_results(m, code::kScale,
                               fmt::format("{} {} multiplied by {}", axes[axis], ranges_text(moved),
                                           values.size() == 1 ? *values.begin() : "factors of their own"),
                               [applied, axis](Evaluated& result, const OpInputs&, const StepFacts&) {
                                 for (size_t i = 0; i < result.exact.values.size(); ++i)
                                   result.exact.values[i] *=
                                       applied[i / inner_of(result.exact.shape, axis) % applied.size()];
                               }));
  }
}

void suspect_order(const Bench& bench, size_t m, Suspects& out) {
  if (m + 1 != bench.chain().size() || bench.steps().front().results.size() != 1) return;
  if (bench.op().kind == OpKind::kv_append) return;  // which has its own
  const auto& axes = bench.steps().front().results[0].spec->axes;
  const Shape& shape = bench.steps().front().results[0].exact.shape;
  const bool own_columns = bench.op().kind == OpKind::linear;  // suspect_row_order says these better
  for (size_t axis = 0; axis < axes.size() && axis < shape.size(); ++axis)
    if (!own_columns || axis + 1 < shape.size()) suspect_axis(bench, axis, axes[axis], out);
}

}  // namespace plumbline
