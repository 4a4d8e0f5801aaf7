// SPDX-License-Identifier: Apache-2.0
// The section of --amplification: what each kind of op made of an error and of noise, and what the layers made of it
// together, beside what the largest weights predict.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

struct Range {
  double low = HUGE_VAL, high = -HUGE_VAL;
  void take(double value) {
    if (std::isnan(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  std::string text() const {
    if (low > high) return "-";
    const std::string from = short_number(low), to = short_number(high);
    return from == to ? from : from + ".." + to;
  }
};

/// Ops of one name in all layers.
struct NameRow {
  std::string name;
  Range predicted, measured, benign;
};

std::vector<NameRow> name_rows(const FindReport& report) {
  std::vector<NameRow> rows;
  for (const OpRow& op : report.ops) {
    const std::string name = local_name(op.op, op.layer);
    auto row = std::find_if(rows.begin(), rows.end(), [&](const NameRow& r) { return r.name == name; });
    if (row == rows.end()) row = rows.insert(rows.end(), {name, {}, {}, {}});
    row->predicted.take(op.predicted_gain);
    row->measured.take(op.gain);
    row->benign.take(op.benign_low);
    row->benign.take(op.benign_high);
  }
  return rows;
}

struct Cell {
  std::string text;
  size_t width;
};

/// As many cells as the width has room for, the first one left-aligned.
std::string line_text(const std::vector<Cell>& cells, int width) {
  std::string out = fmt::format("  {:<{}}", cells.front().text.substr(0, cells.front().width), cells.front().width);
  for (size_t i = 1; i < cells.size(); ++i) {
    if (out.size() + 1 + cells[i].width > static_cast<size_t>(width)) break;
    out += fmt::format(" {:>{}}", cells[i].text, cells[i].width);
  }
  return out + "\n";
}

constexpr size_t kName = 19, kRange = 18, kFigure = 15;

std::string op_table(const FindReport& report, int width) {
  std::string out =
      line_text({{"gain of", kName}, {"predicted", kRange}, {"measured", kRange}, {"of noise", kRange}}, width);
  for (const NameRow& row : name_rows(report)) {
    if (row.measured.text() == "-" && row.benign.text() == "-" && row.predicted.text() == "-") continue;
    out += line_text({{escaped(row.name), kName},
                      {row.predicted.text(), kRange},
                      {row.measured.text(), kRange},
                      {row.benign.text(), kRange}},
                     width);
  }
  return out;
}

std::string layer_table(const Amplification& amplification, int width) {
  std::string out = line_text(
      {{"layer", 5}, {"key norm's max", kFigure}, {"compounded", kFigure}, {"grown by", kFigure}, {"to", kFigure}},
      width);
  for (const LayerGrowth& layer : amplification.layers) {
    out += line_text({{std::to_string(layer.layer), 5},
                      {short_number(layer.predicted), kFigure},
                      {short_number(layer.compounded), kFigure},
                      {short_number(layer.growth), kFigure},
                      {short_number(layer.difference), kFigure}},
                     width);
  }
  return out;
}

std::string conclusion(const FindReport& report) {
  const Amplification& amplification = *report.amplification;
  const std::string predicted = short_number(amplification.predicted_at_end);
  if (amplification.entered_at.empty())
    return fmt::format(
        "The largest weights of the key norms compound to {} over {} layers; no layer's result differs, so nothing "
        "could grow there. The gains of noise stand above.",
        predicted, amplification.layers.size());
  const LayerGrowth& last = amplification.layers.back();
  return fmt::format(
      "A relative difference of {} leaves the first layer that differs ({}). The largest weights of the later key "
      "norms "
      "predict that it grows {} times; with the rounding errors that every op adds, it grew {} times up to the last "
      "layer, {} times up to {}.",
      short_number(amplification.entered), escaped(amplification.entered_at), predicted, short_number(last.growth),
      short_number(amplification.growth_at_end), escaped(report.ops.back().op));
}

}  // namespace

std::string render_amplification(const FindReport& report, const TextOptions& options) {
  if (!report.amplification) return "";
  std::string out = wrap(
      "AMPLIFICATION: a gain is the relative size of what comes out over that of what went in. Predicted: the largest "
      "weight of a norm. Measured: this pair's difference. Of noise: random errors of half a unit in the last place.",
      "  ", "  ", options.width);
  out += "\n" + op_table(report, options.width);
  if (!report.amplification->layers.empty()) out += "\n" + layer_table(*report.amplification, options.width);
  return out + "\n" + wrap(conclusion(report), "  ", "  ", options.width);
}

}  // namespace plumbline
