// SPDX-License-Identifier: Apache-2.0
// `plumbline show`: the numbers of one tap, with their bits, beside those of another trace.
#include <fmt/format.h>
#include <plumbline/compare.h>
#include <plumbline/error.h>
#include <plumbline/trace.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "cli/output.h"
#include "cli/verbs.h"
#include "core/statistics.h"
#include "locate/place.h"
#include "locate/selection.h"
#include "report/escape.h"

namespace plumbline {
namespace {

struct ShowOptions {
  std::string file, tap, other;
  std::vector<int64_t> at;
  int64_t step = 0;
};

const TapEntry& entry_of(const Trace& trace, const ShowOptions& options) {
  if (const TapEntry* entry = trace.find(options.tap, options.step)) return *entry;
  std::vector<std::string> paths;
  std::string steps;
  for (const TapEntry& tap : trace.taps()) {
    if (tap.path == options.tap) steps += (steps.empty() ? "" : ", ") + std::to_string(tap.step);
    if (std::find(paths.begin(), paths.end(), tap.path) == paths.end()) paths.push_back(tap.path);
  }
  if (!steps.empty())
    throw UsageError(fmt::format("plumbline show: {} was not recorded in step {}", options.tap, options.step),
                     {"file   " + trace.file().string(), "steps  " + steps}, "choose one with --step");
  const std::vector<std::string> near = near_misses(options.tap, paths);
  throw UsageError(fmt::format("plumbline show: no tap {}", options.tap),
                   {"file  " + trace.file().string(),
                    fmt::format("near  {}", near.empty() ? "nothing" : fmt::format("{}", fmt::join(near, ", ")))},
                   "`plumbline ls FILE` lists all taps");
}

std::string statistics(const Tensor& tap) {
  double low = std::numeric_limits<double>::infinity(), high = -low, squares = 0.0;
  int64_t nans = 0, infinities = 0, finite = 0;
  for (int64_t i = 0; i < tap.count(); ++i) {
    const double value = tap.view().at(i);
    if (std::isnan(value)) {
      ++nans;
    } else if (std::isinf(value)) {
      ++infinities;
    } else {
      ++finite;
      low = std::min(low, value);
      high = std::max(high, value);
      squares += value * value;
    }
  }
  std::string out = finite == 0 ? std::string("no finite value")
                                : fmt::format("min {:.6g}, max {:.6g}, rms {:.6g}", low, high,
                                              std::sqrt(squares / static_cast<double>(finite)));
  return out + fmt::format(", {} NaN, {} infinite", nans, infinities);
}

/// Of a tap that holds another one's statistics (run --taps stats), those.
std::string statistics_line(const TapEntry& entry, const Tensor& tap) {
  return holds_statistics(entry.axes, entry.shape) ? statistics_text(tap.view()) : statistics(tap);
}

void check_index(const std::vector<int64_t>& at, const TapEntry& entry) {
  bool inside = at.size() == entry.shape.size();
  for (size_t axis = 0; inside && axis < at.size(); ++axis) inside = at[axis] >= 0 && at[axis] < entry.shape[axis];
  if (!inside)
    throw UsageError("plumbline show: --at does not fit the tap",
                     {fmt::format("given  [{}]", fmt::join(at, ", ")), "shape  " + to_string(entry.shape)},
                     "give one index per axis, from 0");
}

std::string value_text(const Tensor& tap, int64_t flat) {
  return fmt::format("{:>14.8g}  {:<10}", tap.view().at(flat),
                     bits_text(tap.dtype(), tap.data() + static_cast<size_t>(flat) * element_bytes(tap.dtype())));
}

std::string difference_text(const Tensor& a, const Tensor& b, int64_t flat) {
  const double left = a.view().at(flat), right = b.view().at(flat), difference = right - left;
  if (left == right || (std::isnan(left) && std::isnan(right))) return "  equal";
  const double spacing = is_floating(b.dtype()) && std::isfinite(left) ? ulp(b.dtype(), left) : 0.0;
  if (!std::isfinite(difference) || spacing <= 0.0) return fmt::format("  {:.6g}", difference);
  return fmt::format("  {:.6g} = {:.3g} ulp", difference, std::fabs(difference) / spacing);
}

/// Rows of the window: nine neighbours along the last axis.
std::string window_text(const Tensor& tap, const std::optional<Tensor>& other, const Shape& at) {
  const Shape& shape = tap.shape();
  if (shape.empty())
    return "  " + value_text(tap, 0) + (other ? value_text(*other, 0) + difference_text(tap, *other, 0) : "") + "\n";
  std::string out;
  const int64_t first = std::max<int64_t>(0, std::min(at.back() - 4, shape.back() - 9));
  for (int64_t column = first; column < std::min(shape.back(), first + 9); ++column) {
    Shape index = at;
    index.back() = column;
    const int64_t flat = flatten(index, shape);
    out += fmt::format("{} [{}]  {}", column == at.back() ? ">" : " ", fmt::join(index, ", "), value_text(tap, flat));
    if (other) out += value_text(*other, flat) + difference_text(tap, *other, flat);
    out += "\n";
  }
  return out;
}

std::string entry_text(const Trace& trace, const TapEntry& entry, const Tensor& tap) {
  return fmt::format("{}\n  {} {} {} ({}), step {}\n  {}\n", escaped(trace.file().string()), escaped(entry.path),
                     dtype_name(entry.dtype), to_string(entry.shape),
                     escaped(fmt::format("{}", fmt::join(entry.axes, ", "))), entry.step, statistics_line(entry, tap));
}

std::string comparison_text(const Metrics& metrics) {
  if (metrics.mismatches == 0) return "all values equal\n";
  return fmt::format("{} of {} values differ; largest difference {:.6g}, relative L2 {:.3g}{}\n", metrics.mismatches,
                     metrics.count, metrics.max_abs, metrics.relative_l2,
                     metrics.masks_agree() ? "" : "; NaN or infinity on one side only");
}

std::string show_text(const ShowOptions& options) {
  const Trace trace = Trace::open(options.file);
  const TapEntry& entry = entry_of(trace, options);
  const Tensor tap = trace.read(entry);
  std::string out = entry_text(trace, entry, tap);
  std::optional<Tensor> other;
  int64_t centre = 0;
  if (!options.other.empty()) {
    const Trace second = Trace::open(options.other);
    const TapEntry& second_entry = entry_of(second, options);
    other = second.read(second_entry);
    out += entry_text(second, second_entry, *other);
    if (other->shape() != tap.shape())
      throw ShapeError("plumbline show: the two taps have different shapes",
                       {"first   " + to_string(tap.shape()), "second  " + to_string(other->shape())},
                       "leave out --vs, or use `plumbline find`, which pairs by position");
    const Metrics metrics = compare(tap.view(), other->view());
    out += comparison_text(metrics);
    centre = std::max<int64_t>(0, metrics.masks_agree() ? metrics.max_abs_index : metrics.first_mask_breach);
  }
  if (tap.count() == 0) return out;
  if (!options.at.empty()) check_index(options.at, entry);
  return out + window_text(tap, other, options.at.empty() ? unflatten(centre, tap.shape()) : options.at);
}

}  // namespace

void add_show(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("show", "Show the values of a tap with their bits");
  auto options = std::make_shared<ShowOptions>();
  verb->add_option("FILE", options->file, "Trace")->required();
  verb->add_option("TAP", options->tap, "Tap path, for example layer.3.attn.k_norm.out")->required();
  verb->add_option("--at", options->at, "Index, one number per axis: 0,17,42 (default: where --vs differs most)")
      ->delimiter(',');
  verb->add_option("--vs", options->other, "Second trace to set beside the first");
  verb->add_option("--step", options->step, "Step: 0 is the prefill")->capture_default_str();
  verb->footer("Example:\n  plumbline show ref.h5 layer.3.attn.k_norm.out --at 0,17,0,42 --vs cand.h5");
  verb->callback([options, &status] {
    print(show_text(*options));
    status = 0;
  });
}

}  // namespace plumbline
