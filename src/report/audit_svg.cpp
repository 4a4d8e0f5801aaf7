// SPDX-License-Identifier: Apache-2.0
// The statistics of an audit as a drawing that needs no script and no other file. Every panel has the same layer axis
// and a log axis of its own decades; largest and median are told apart by form (line with dots, dashes), not by colour.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/audit.h"
#include "report/escape.h"
#include "report/markup.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr double kWidth = 300, kHeight = 150, kLeft = 52, kTop = 26, kPlotWidth = 232, kPlotHeight = 96;
constexpr int kColumns = 3;
constexpr double kHeader = 64;

struct Point {
  int layer = 0;
  double largest = 0.0, median = 0.0;
};

struct Panel {
  std::string kind;
  std::vector<Point> points;
  int first_decade = 0, last_decade = 1;
};

void note_decade(Panel& panel, double value, bool& is_first) {
  if (!(value > 0.0)) return;
  const int low = static_cast<int>(std::floor(std::log10(value))),
            high = static_cast<int>(std::ceil(std::log10(value)));
  panel.first_decade = is_first ? low : std::min(panel.first_decade, low);
  panel.last_decade = is_first ? std::max(high, low + 1) : std::max({panel.last_decade, high, low + 1});
  is_first = false;
}

std::vector<Panel> panels_of(const AuditReport& report) {
  std::vector<Panel> panels;
  for (const AuditedKind& kind : report.kinds) {
    Panel panel{kind.kind, {}};
    bool is_first = true;
    for (const size_t i : kind.tensors) {
      const AuditedTensor& tensor = report.tensors[i];
      const WeightStatistics& s = *tensor.statistics;
      if (tensor.layer < 0 || tensor.layer >= report.config.layers || s.moments.count == 0) continue;
      panel.points.push_back({tensor.layer, s.magnitude(), s.median_magnitude.value});
      note_decade(panel, s.magnitude(), is_first);
      note_decade(panel, s.median_magnitude.value, is_first);
    }
    if (!panel.points.empty()) panels.push_back(std::move(panel));
  }
  return panels;
}

double x_of(const Point& point, int64_t layers) {
  return kLeft + kPlotWidth * (point.layer + 0.5) / static_cast<double>(layers);
}

double y_of(const Panel& panel, double value) {
  const double decades = panel.last_decade - panel.first_decade;
  return kTop + kPlotHeight * (panel.last_decade - std::log10(value)) / decades;
}

std::string axes(const Panel& panel, int64_t layers) {
  std::string out;
  const int step = std::max(1, (panel.last_decade - panel.first_decade + 3) / 4);
  for (int decade = panel.first_decade; decade <= panel.last_decade; decade += step) {
    const double y = y_of(panel, std::pow(10.0, decade));
    out += fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="#ccc"/>)", kLeft, y,
                       kLeft + kPlotWidth, y);
    out += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="end">1e{}</text>)", kLeft - 5, y + 3.5, decade);
  }
  const int64_t every = std::max<int64_t>(1, (layers + 6) / 7);
  for (int64_t layer = 0; layer < layers; layer += every)
    out += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                       x_of({static_cast<int>(layer)}, layers), kTop + kPlotHeight + 14, layer);
  return out + "\n";
}

std::string line_through(const Panel& panel, int64_t layers, double Point::*figure, const char* style) {
  std::string points;
  for (const Point& point : panel.points)
    if (point.*figure > 0.0) points += fmt::format("{:.1f},{:.1f} ", x_of(point, layers), y_of(panel, point.*figure));
  if (!points.empty()) points.pop_back();
  return fmt::format("<polyline points=\"{}\" fill=\"none\" {}/>\n", points, style);
}

std::string panel_svg(const Panel& panel, int64_t layers, double x, double y) {
  std::string out = fmt::format("<g transform=\"translate({:.0f},{:.0f})\">\n", x, y);
  out += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-weight=\"bold\">{}</text>\n", kLeft, kTop - 10,
                     xml_escaped(panel.kind));
  out += axes(panel, layers);
  out += line_through(panel, layers, &Point::median, R"(stroke="#555" stroke-dasharray="5 3")");
  out += line_through(panel, layers, &Point::largest, R"(stroke="#1450a0" stroke-width="1.5")");
  for (const Point& point : panel.points) {
    if (!(point.largest > 0.0)) continue;
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.2\" fill=\"#1450a0\"><title>layer {}: largest {}, median "
        "{}</title></circle>\n",
        x_of(point, layers), y_of(panel, point.largest), point.layer, short_number(point.largest),
        short_number(point.median));
  }
  return out + "</g>\n";
}

}  // namespace

std::string audit_svg(const AuditReport& report) {
  const std::vector<Panel> panels = panels_of(report);
  const size_t rows = (panels.size() + kColumns - 1) / kColumns;
  const double width = kWidth * kColumns, height = kHeader + kHeight * static_cast<double>(rows);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"10\" fill=\"#222\">\n<title>Weights by layer</title>\n<desc>Largest and "
      "median magnitude of the weights of each kind, by layer, on log axes.</desc>\n<rect width=\"100%\" "
      "height=\"100%\" fill=\"#fff\"/>\n",
      width, height, width, height);
  const std::string model = report.directory.filename().empty() ? report.directory.parent_path().filename().string()
                                                                : report.directory.filename().string();
  out += fmt::format("<text x=\"14\" y=\"22\" font-size=\"14\" font-weight=\"bold\">{}: {}, {} layers, {}</text>\n",
                     xml_escaped(model), xml_escaped(report.config.architecture), report.config.layers,
                     dtype_name(report.config.dtype));
  out +=
      "<line x1=\"14\" y1=\"40\" x2=\"44\" y2=\"40\" stroke=\"#1450a0\" stroke-width=\"1.5\"/><circle cx=\"29\" "
      "cy=\"40\" "
      "r=\"2.2\" fill=\"#1450a0\"/><text x=\"50\" y=\"43.5\">largest magnitude</text>\n"
      "<line x1=\"150\" y1=\"40\" x2=\"180\" y2=\"40\" stroke=\"#555\" stroke-dasharray=\"5 3\"/>"
      "<text x=\"186\" y=\"43.5\">median magnitude</text><text x=\"290\" y=\"43.5\">across: layer</text>\n";
  for (size_t i = 0; i < panels.size(); ++i)
    out += panel_svg(panels[i], report.config.layers, kWidth * static_cast<double>(i % kColumns),
                     kHeader + kHeight * static_cast<double>(i / kColumns));
  return out + "</svg>\n";
}

}  // namespace plumbline
