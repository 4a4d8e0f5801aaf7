// SPDX-License-Identifier: Apache-2.0
#include "report/noise.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

/// Ops of one name, over the layers.
struct OpLine {
  std::string name, kind;
  double first = 0.0, last = 0.0, largest = 0.0;
  int at = -1;  ///< layer of the largest
};

std::vector<OpLine> op_lines(const NoiseFloor& floor) {
  std::vector<OpLine> lines;
  for (const OpNoise& op : floor.ops) {
    if (std::isnan(op.relative)) continue;
    const std::string name = local_name(op.op, op.layer);
    auto line = std::find_if(lines.begin(), lines.end(), [&](const OpLine& l) { return l.name == name; });
    if (line == lines.end()) line = lines.insert(lines.end(), {name, op.kind, op.relative, 0.0, -1.0, -1});
    line->last = op.relative;
    if (op.relative > line->largest) {
      line->largest = op.relative;
      line->at = op.layer;
    }
  }
  return lines;
}

std::string ops_text(const NoiseFloor& floor) {
  std::string out = fmt::format("\n  {:20} {:>12} {:>10} {:>10}\n", "op", "first layer", "last", "largest");
  for (const OpLine& line : op_lines(floor)) {
    const std::string at = line.at < 0 || line.largest == 0.0 ? "" : fmt::format(" in layer {}", line.at);
    out += fmt::format("  {:20} {:>12} {:>10} {:>10}{}\n", escaped(line.name), short_number(line.first),
                       short_number(line.last), short_number(line.largest), at);
  }
  return out + "  noise of the op's result, relative to its root mean square\n";
}

std::string growth_text(const NoiseFloor& floor) {
  if (floor.layers.empty()) return "";
  std::string out = "\n";
  if (std::isfinite(floor.growth))
    out += fmt::format("  growth      a factor {} per layer (slope of ln noise {})\n",
                       short_number(std::exp(floor.growth)), short_number(floor.growth));
  const LayerNoise& last = floor.layers.back();
  const std::string share = fmt::format("{} of what tells tokens apart", short_number(last.signal));
  return out + (floor.forgets
                    ? fmt::format("  memory      layer {} forgets the last bits of its input: noise {} of signal\n",
                                  *floor.forgets, kForgotten)
                    : fmt::format("  memory      kept to layer {}: noise {}\n", last.layer, share));
}

std::string logits_text(const NoiseFloor& floor) {
  if (floor.positions.empty()) return "  logits      none were compared\n";
  std::string out = fmt::format("  logits      noise {} of their spread; the same best token in {:.1f} %\n",
                                short_number(floor.logits), 100.0 * floor.agreement);
  out +=
      fmt::format("  KL          mean {}, largest {} nats\n", short_number(floor.kl_mean), short_number(floor.kl_max));
  return out + (floor.chaotic() ? "  verdict     CHAOTIC: right implementations disagree on what the model says\n"
                                : "  verdict     stable\n");
}

std::string positions_text(const NoiseFloor& floor, int rows) {
  if (floor.positions.empty()) return "";
  std::vector<PositionNoise> order = floor.positions;
  std::stable_sort(order.begin(), order.end(), [](const PositionNoise& a, const PositionNoise& b) {
    return a.margin_sigmas(a.margin) < b.margin_sigmas(b.margin);
  });
  const size_t shown = rows == 0 ? order.size() : std::min(order.size(), static_cast<size_t>(rows));
  std::string out = "\n  position    sigma   margin  in sigmas  same token    KL mean     KL max\n";
  for (size_t i = 0; i < shown; ++i) {
    const PositionNoise& p = order[i];
    out += fmt::format("  {:>8} {:>8} {:>8} {:>10} {:>9.1f} % {:>10} {:>10}\n", p.position, short_number(p.sigma),
                       short_number(p.margin), short_number(p.margin_sigmas(p.margin)), 100.0 * p.agreement,
                       short_number(p.kl_mean), short_number(p.kl_max));
  }
  if (shown < order.size()) out += fmt::format("  [{} more, with wider margins]\n", order.size() - shown);
  return out + "  sigma: of one logit; margin in sigmas of its own change between two runs\n";
}

std::string floor_text(const NoiseFloor& floor, int rows) {
  const std::string confidence =
      std::isfinite(floor.factor)
          ? fmt::format("with 95 % confidence no sigma is larger by more than a factor {:.2f}", floor.factor)
          : "one distance: nothing is known of how sure it is";
  return fmt::format("\n{}, {} {}\n  {}\n", floor.source, floor.runs, floor.runs == 1 ? "run" : "runs", confidence) +
         ops_text(floor) + growth_text(floor) + logits_text(floor) + positions_text(floor, rows);
}

std::string sides_text(const NoiseVerdict& verdict) {
  if (std::isnan(verdict.reference_sigmas)) return "";
  return fmt::format("  from the exact replay: reference {} sigma, candidate {} sigma\n",
                     short_number(verdict.reference_sigmas), short_number(verdict.candidate_sigmas));
}

std::string headline(const NoiseVerdict& verdict) {
  const auto count = [&](bool PositionVerdict::*what) {
    return std::count_if(verdict.positions.begin(), verdict.positions.end(),
                         [&](const PositionVerdict& p) { return p.*what; });
  };
  std::string name(noise_outcome_name(verdict.outcome));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  return fmt::format("\n{} ({}): {}: {} of {} positions beyond the noise, {} other best tokens\n",
                     escaped(verdict.file), escaped(verdict.backend), name, count(&PositionVerdict::beyond),
                     verdict.positions.size(), count(&PositionVerdict::flipped));
}

std::string verdict_text(const NoiseVerdict& verdict, int rows) {
  std::string out = headline(verdict);
  if (!verdict.reason.empty()) out += fmt::format("  {}\n", verdict.reason);
  out += sides_text(verdict);
  std::vector<PositionVerdict> order = verdict.positions;
  std::stable_sort(order.begin(), order.end(), [](const PositionVerdict& a, const PositionVerdict& b) {
    return a.beyond != b.beyond ? a.beyond : a.sigmas > b.sigmas;
  });
  const size_t shown = rows == 0 ? order.size() : std::min(order.size(), static_cast<size_t>(rows));
  if (shown > 0) out += "\n  position  distance  limit         KL  margin  same token\n";
  for (size_t i = 0; i < shown; ++i) {
    const PositionVerdict& p = order[i];
    out += fmt::format("  {:>8} {:>9} {:>6} {:>10} {:>7}  {}{}\n", p.position, short_number(p.sigmas),
                       short_number(verdict.limit), short_number(p.kl), short_number(p.margin_sigmas),
                       p.flipped ? "no" : "yes", p.beyond ? "  beyond" : "");
  }
  if (shown < order.size()) out += fmt::format("  [{} more]\n", order.size() - shown);
  return shown > 0 ? out + "  distance, limit and margin in sigmas\n" : out;
}

}  // namespace

std::string_view noise_outcome_name(NoiseOutcome outcome) {
  switch (outcome) {
    case NoiseOutcome::within: return "within";
    case NoiseOutcome::beyond: return "beyond";
    case NoiseOutcome::undecidable: return "undecidable";
  }
  return "";
}

std::string noise_text(const NoiseReport& report, int rows) {
  std::string out = fmt::format("{} ({}): noise of {} for these tokens, seed {}\n", escaped(report.file),
                                escaped(report.backend), escaped(report.model), report.seed);
  for (const NoiseFloor& floor : report.floors) out += floor_text(floor, rows);
  if (report.against) out += verdict_text(*report.against, rows);
  for (const std::string& note : report.notes) out += fmt::format("\nnote: {}\n", escaped(note));
  return out;
}

}  // namespace plumbline
