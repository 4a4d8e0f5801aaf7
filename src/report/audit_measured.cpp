// SPDX-License-Identifier: Apache-2.0
// The measured half of an audit as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/audit_parts.h"
#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr size_t kTapColumn = 24;

std::string stage_row(const ModelStage& stage) {
  return fmt::format("  {:<{}} {:>10} {:>10} {:>10} {:>10}  {}\n", escaped(stage.tap), kTapColumn,
                     short_number(stage.deviation), short_number(stage.largest),
                     std::isnan(stage.growth) ? "" : short_number(stage.growth), stage.nonfinite,
                     stage_state_name(stage.state));
}

/// All that is not ok, the ends of the model, and what lies on either side of the break.
bool is_shown(const StageTable& table, size_t i, bool whole) {
  const size_t last = table.stages.size() - 1;
  if (whole || table.stages.size() <= 8 || i < 3 || i + 3 > last) return true;
  if (table.breaks && (i + 1 == *table.breaks || i == *table.breaks || i == *table.breaks + 1)) return true;
  return !table.breaks && table.stages[i].state != StageState::ok;
}

std::string broken_text(const StageTable& table, int width) {
  if (!table.breaks) return "";
  const ModelStage& stage = table.stages[*table.breaks];
  std::string text = fmt::format("It breaks at {} ({})", escaped(stage.tap), stage_state_name(stage.state));
  if (table.begins)
    text += fmt::format(
        "; the first op whose results leave its inputs' size is {}: largest magnitude {}, of all it reads {}",
        escaped(table.begins->op), short_number(table.begins->result), short_number(table.begins->inputs));
  return wrap(text + ". `plumbline find` against a reference says why.", "    ", "    ", width);
}

std::string stages_text(const MeasuredAudit& measured, int width, bool whole) {
  const StageTable& table = measured.stages;
  std::string out =
      fmt::format("\n  Stages of {} ({}), step {}\n", escaped(measured.file), escaped(measured.backend), table.step);
  out += fmt::format("  {:<{}} {:>10} {:>10} {:>10} {:>10}\n", "stage", kTapColumn, table.of_statistics ? "rms" : "std",
                     "largest", "growth", "not finite");
  bool dots = false;
  for (size_t i = 0; i < table.stages.size(); ++i) {
    if (is_shown(table, i, whole)) {
      out += stage_row(table.stages[i]);
      dots = false;
    } else if (!std::exchange(dots, true)) {
      out += "  ...\n";
    }
  }
  out += wrap(fmt::format("warn: {} times the stage before or a {}th of it; fail: {} times, or every value the same; "
                          "inf: NaN or infinity",
                          kNotableGrowth, kNotableGrowth, kExplosion),
              "    ", "    ", width);
  if (table.missing > 0) out += fmt::format("    {} stages were not recorded\n", table.missing);
  return out + broken_text(table, width);
}

const LogitRow* largest_row(const std::vector<LogitRow>& rows, double LogitRow::*member) {
  const LogitRow* largest = nullptr;
  for (const LogitRow& row : rows)
    if (!std::isnan(row.*member) && (largest == nullptr || row.*member > largest->*member)) largest = &row;
  return largest;
}

std::string logits_text(const MeasuredAudit& measured, int width) {
  const LogitRow* seen = largest_row(measured.logits, &LogitRow::seen);
  if (seen == nullptr) return "";
  std::string text =
      fmt::format("attention logits: largest seen {} in layer {}", short_number(seen->seen), seen->layer);
  if (!std::isnan(seen->bound)) text += fmt::format(", where the norm weights allow {}", short_number(seen->bound));
  if (const LogitRow* noise = largest_row(measured.logits, &LogitRow::noise))
    text += fmt::format("; right implementations move one by {} (one sigma, layer {}, the most of all)",
                        short_number(noise->noise), noise->layer);
  return wrap(text, "    ", "    ", width);
}

std::string noise_text(const MeasuredAudit& measured, const NotesScore& notes, int width) {
  if (!measured.noise)
    return measured.without_noise.empty()
               ? ""
               : wrap("noise: not measured; " + escaped(measured.without_noise), "    ", "    ", width);
  const NoiseFloor& floor = *measured.noise;
  std::string text = fmt::format(
      "noise of right implementations, {} runs: {} of the logits' size, mean KL {} nats, {:.1f} % of the token choices "
      "survive: {}",
      floor.runs, short_number(floor.logits), short_number(floor.kl_mean), 100.0 * floor.agreement,
      floor.chaotic() ? "chaotic" : "not chaotic");
  if (!std::isnan(floor.growth))
    text += fmt::format("; it grows by a factor {} a layer", short_number(std::exp(floor.growth)));
  std::string out = wrap(text, "    ", "    ", width);
  if (!notes.layers.empty())
    out += wrap(fmt::format("the notes' checker says {} ({:.2f}), \"amplification\" {}, of the same checkpoint",
                            notes.verdict(), notes.score, short_number(notes.amplification)),
                "    ", "    ", width);
  return out;
}

}  // namespace

std::string measured_text(const AuditReport& report, const MeasuredAudit& measured, int width, bool whole) {
  std::string out = stages_text(measured, width, whole) + "\n  Predicted by the weights, and what happened\n";
  return out + logits_text(measured, width) + noise_text(measured, report.notes_checker, width);
}

}  // namespace plumbline
