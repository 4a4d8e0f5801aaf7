// SPDX-License-Identifier: Apache-2.0
// Formats and ranks of foreign taps. Nothing is rounded: a tap is narrowed only if every value survives it.
#include "locate/foreign.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/parallel.h"

namespace plumbline {
namespace {

/// If more of the widened taps than this hold values that the graph's format cannot, the run computed in another one.
constexpr double kMostUnheld = 0.5;

/// What became of one tap.
struct Fitted {
  TapEntry entry;
  Tensor tensor;
  const TapSpec* spec = nullptr;  ///< nullptr: no op of the graph gives it
  bool widened = false, held = false, reshaped = false;
  double unheld_value = 0.0;

  bool changed() const { return held || reshaped; }
};

using Specs = std::map<std::string, const TapSpec*>;  // by tap path

Specs specs_of(const OpGraph& graph) {
  Specs specs;
  for (const Op& op : graph.ops)
    for (const TapSpec& spec : op.outputs) specs.emplace(spec.path, &spec);
  return specs;
}

const TapSpec* spec_of(const Specs& specs, const TapEntry& entry) {
  const auto spec = specs.find(entry.path);
  return spec == specs.end() ? nullptr : spec->second;
}

/// Integers where the graph has fractions are most often bits that nobody said are bits.
void refuse_integers(const Trace& trace, const Specs& specs) {
  for (const TapEntry& entry : trace.taps()) {
    const TapSpec* spec = spec_of(specs, entry);
    if (spec == nullptr || !is_floating(spec->dtype) || is_floating(entry.dtype)) continue;
    const std::string_view wanted = dtype_name(spec->dtype);
    const bool bits = element_bytes(entry.dtype) == element_bytes(spec->dtype);
    throw TraceError(
        fmt::format("cannot compare {}: tap '{}' is stored as {}, the op graph has {} there", trace.file().string(),
                    entry.path, dtype_name(entry.dtype), wanted),
        {},
        bits ? fmt::format("if these are the bits of {0}, say so on every such dataset: attrs[\"dtype\"] = \"{0}\"",
                           wanted)
             : fmt::format("store the values as {} or in a wider floating format", wanted));
  }
}

/// The tensor in `dtype`, or nullopt with the first value that it cannot hold. Any NaN can be held as a NaN.
std::optional<Tensor> narrowed(const Tensor& tensor, DType dtype, double& unheld) {
  Tensor result(dtype, tensor.shape());
  std::byte* to = result.mutable_data();
  const size_t size = element_bytes(dtype);
  for (int64_t i = 0; i < tensor.count(); ++i, to += size) {
    const double value = tensor.view().at(i);
    encode(dtype, value, to);
    if (decode(dtype, to) == value || std::isnan(value)) continue;
    unheld = value;
    return std::nullopt;
  }
  return result;
}

void fit_format(const TapSpec& spec, Fitted& fitted) {
  const DType stored = fitted.entry.dtype;
  fitted.widened = is_floating(stored) && is_floating(spec.dtype) && element_bytes(stored) > element_bytes(spec.dtype);
  if (!fitted.widened) return;
  std::optional<Tensor> narrow = narrowed(fitted.tensor, spec.dtype, fitted.unheld_value);
  if (!narrow) return;
  fitted.held = true;
  fitted.tensor = std::move(*narrow);
  fitted.entry.dtype = spec.dtype;
  fitted.entry.byte_size = static_cast<int64_t>(fitted.tensor.byte_size());
}

void fit_rank(const TapSpec& spec, Fitted& fitted) {
  const std::optional<Shape> shape = shape_for_axes(fitted.entry.shape, spec.axes);
  if (!shape || *shape == fitted.entry.shape) return;
  fitted.reshaped = true;
  fitted.entry.shape = *shape;
  const auto owner = std::make_shared<const Tensor>(fitted.tensor);
  fitted.tensor = Tensor::borrow({owner->dtype(), *shape, owner->data()}, owner);
}

Fitted fit(const Trace& trace, const TapEntry& entry, const TapSpec* spec) {
  Fitted fitted{entry, trace.read(entry), spec};
  if (spec == nullptr) return fitted;
  fit_format(*spec, fitted);
  fit_rank(*spec, fitted);
  return fitted;
}

/// A run in f32 set against ops that round to bf16 would be an origin at every op, which says less than this.
void refuse_other_format(const Trace& trace, const std::vector<Fitted>& all) {
  const auto widened = std::count_if(all.begin(), all.end(), [](const Fitted& one) { return one.widened; });
  const auto is_unheld = [](const Fitted& one) { return one.widened && !one.held; };
  const auto unheld = std::count_if(all.begin(), all.end(), is_unheld);
  if (static_cast<double>(unheld) <= kMostUnheld * static_cast<double>(widened)) return;
  const Fitted& first = *std::find_if(all.begin(), all.end(), is_unheld);
  const std::string_view wanted = dtype_name(first.spec->dtype);
  throw TraceError(
      fmt::format("cannot compare {}: it was not computed in {}", trace.file().string(), wanted),
      {fmt::format("{} of {} taps stored as {} hold values that {} cannot; the first is '{}' with {:.9g}", unheld,
                   widened, dtype_name(first.entry.dtype), wanted, first.entry.path, first.unheld_value)},
      fmt::format("run the candidate in {}, the format of the checkpoint, or record the reference in the candidate's",
                  wanted));
}

void note_changes(const Trace& trace, const std::vector<Fitted>& all, std::vector<std::string>& notes) {
  const auto held = std::count_if(all.begin(), all.end(), [](const Fitted& one) { return one.held; });
  const auto reshaped = std::count_if(all.begin(), all.end(), [](const Fitted& one) { return one.reshaped; });
  std::string text;
  if (held > 0)
    text += fmt::format(
        "{} taps are stored in a wider format than the op graph's, which holds all their values: compared in the "
        "graph's",
        held);
  if (reshaped > 0)
    text += fmt::format("{}{} taps have other axes of length 1 than the op graph: read with the graph's axes",
                        text.empty() ? "" : "; ", reshaped);
  if (!text.empty()) notes.push_back(trace.file().string() + ": " + text);
}

}  // namespace

std::optional<Shape> shape_for_axes(const Shape& shape, const std::vector<std::string>& axes) {
  const auto is_one = [](const std::string& axis) { return axis == "batch" || axis == "stat"; };
  const auto fits = [&](const Shape& candidate) {
    if (candidate.size() != axes.size()) return false;
    for (size_t i = 0; i < axes.size(); ++i)
      if (is_one(axes[i]) && candidate[i] != 1) return false;
    return true;
  };
  if (fits(shape)) return shape;
  Shape extents;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(extents), [](int64_t extent) { return extent != 1; });
  Shape spread(axes.size(), 1);
  size_t next = 0;
  for (size_t i = 0; i < axes.size() && next < extents.size(); ++i)
    if (!is_one(axes[i])) spread[i] = extents[next++];
  const auto open = std::count_if(axes.begin(), axes.end(), [&](const std::string& axis) { return !is_one(axis); });
  if (static_cast<size_t>(open) == extents.size()) return spread;
  // One token, or one head: which axis is the 1 cannot be told from the extents; a batch axis in front can.
  Shape batch = shape;
  if (shape.size() + 1 == axes.size()) batch.insert(batch.begin(), 1);
  if (shape.size() == axes.size() + 1 && shape.front() == 1) batch.erase(batch.begin());
  return fits(batch) ? std::optional(batch) : std::nullopt;
}

Trace fit_to_graph(const Trace& trace, const OpGraph& graph, int threads, std::vector<std::string>& notes) {
  if (!trace.foreign() && !trace.header().graph_json.empty()) return trace;
  const Specs specs = specs_of(graph);
  refuse_integers(trace, specs);
  std::vector<Fitted> all(trace.taps().size());
  parallel_for(static_cast<int64_t>(all.size()), threads, [&](int64_t i) {
    const TapEntry& entry = trace.taps()[static_cast<size_t>(i)];
    all[static_cast<size_t>(i)] = fit(trace, entry, spec_of(specs, entry));
  });
  refuse_other_format(trace, all);
  note_changes(trace, all, notes);
  std::vector<std::pair<TapEntry, Tensor>> changed;
  for (Fitted& one : all)
    if (one.changed()) changed.emplace_back(std::move(one.entry), std::move(one.tensor));
  return changed.empty() ? trace : trace.with_taps(std::move(changed));
}

}  // namespace plumbline
