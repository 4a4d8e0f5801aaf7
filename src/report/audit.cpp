// SPDX-License-Identifier: Apache-2.0
// An audit as text.
#include "report/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "locate/codes.h"
#include "report/audit_parts.h"
#include "report/escape.h"
#include "report/parts.h"

namespace plumbline {
namespace {

constexpr size_t kKindColumn = 28;

std::string fact(std::string_view name, const std::string& text, int width) {
  if (text.empty()) return "";
  return wrap(escaped(text), fmt::format("  {:<11} ", name), std::string(14, ' '), width);
}

std::string head_text(const AuditReport& report, int width) {
  const ModelConfig& config = report.config;
  std::string out =
      fmt::format("{}  {}: {}, {} layers, {}\n", audit_verdict(report), escaped(report.directory.string()),
                  escaped(config.architecture), config.layers, dtype_name(config.dtype));
  const int64_t errors = report.count(AuditLevel::error), warnings = report.count(AuditLevel::warning);
  out +=
      fmt::format("  {} error{}, {} warning{}\n", errors, errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  int64_t weights = 0;
  for (const AuditedTensor& tensor : report.tensors)
    if (tensor.statistics) weights += tensor.statistics->count;
  out += fact("parameters",
              fmt::format("{} of {} are stored, {} weights read in {} tensors, {:.1f} MiB", report.present,
                          report.expected, weights, report.tensors.size(), static_cast<double>(report.bytes) / 0x1p20),
              width);
  if (report.present == 0)
    out += fact("",
                "no stored tensor is a parameter of this config, so nothing was audited: another family, or other "
                "names",
                width);
  out += fact("head", report.head, width) + fact("heads", report.heads, width) +
         fact("rope theta", report.theta, width) + fact("embedding", report.embedding, width);
  if (report.squares > 0)
    out +=
        fact("squares",
             fmt::format("{} square matrices: {} upright by the norms of rows and columns in neighbouring layers, {} "
                         "transposed, {} cannot be told",
                         report.squares, report.squares_upright, report.squares_transposed,
                         report.squares - report.squares_upright - report.squares_transposed),
             width);
  for (const std::string& note : report.notes) out += fact("ignored", note, width);
  return out;
}

std::string finding_text(const AuditFinding& finding, int width) {
  const std::string_view level = finding.level == AuditLevel::error ? "error" : "warning";
  std::string out = wrap(finding.title, fmt::format("\n{}[{}]: ", level, audit_code(finding.rule)), "  ", width);
  std::string place = finding.file.empty() ? "not stored" : escaped(finding.file);
  if (!finding.tensors.empty()) place += ": " + escaped(finding.tensors.front());
  if (finding.tensors.size() > 1) place += fmt::format(" and {} more", finding.tensors.size() - 1);
  out += wrap(place, "  --> ", "      ", width);
  for (const std::string& line : finding.evidence) out += wrap(escaped(line), "   = ", "     ", width);
  return out + wrap(escaped(finding.help), "   = help: ", "     ", width);
}

std::string findings_text(const AuditReport& report, const TextOptions& options) {
  const size_t all = report.findings.size();
  const size_t shown = options.rows == 0 ? all : std::min(all, static_cast<size_t>(options.rows));
  std::string out;
  for (size_t i = 0; i < shown; ++i) out += finding_text(report.findings[i], options.width);
  if (shown < all) out += fmt::format("\n  {} more findings: --rows 0 shows all\n", all - shown);
  if (all > 0)
    out += fmt::format("\n  `plumbline explain {}` says more of a code\n", audit_code(report.findings[0].rule));
  return out;
}

/// Names out of files may be of any length.
std::string short_kind(std::string_view kind) {
  if (kind.ends_with(".weight")) kind.remove_suffix(std::string_view(".weight").size());
  return escaped(kind.substr(0, kKindColumn));
}

std::string statistics_row(const std::string& name, const std::string& tensors, const WeightStatistics& s) {
  const std::string median = (s.median.error > 0.0 ? "~" : "") + short_number(s.median.value);
  return fmt::format("  {:<{}} {:>6} {:>10} {:>10} {:>10} {:>8} {:>8}\n", name, kKindColumn, tensors,
                     short_number(s.least), median, short_number(s.largest), short_number(s.spread()),
                     short_number(s.moments.kurtosis()));
}

std::string statistics_text(const AuditReport& report, bool by_layer) {
  if (report.kinds.empty()) return "";
  std::string out =
      fmt::format("\n  {:<{}} {:>6} {:>10} {:>10} {:>10} {:>8} {:>8}\n", by_layer ? "tensors" : "tensors, all layers",
                  kKindColumn, by_layer ? "layer" : "number", "min", "median", "max", "max/med", "kurtosis");
  double error = 0.0;
  for (const AuditedKind& kind : report.kinds) {
    const std::string other = kind.dtype == report.config.dtype ? "" : " " + std::string(dtype_name(kind.dtype));
    const std::string form = short_kind(kind.kind) + other;
    const auto note_error = [&](const Known& median) {
      if (median.error > 0.0 && median.value != 0.0) error = std::max(error, median.error / std::abs(median.value));
    };
    if (by_layer) {
      for (const size_t i : kind.tensors) {
        const AuditedTensor& tensor = report.tensors[i];
        out += statistics_row(form, tensor.layer < 0 ? "-" : std::to_string(tensor.layer), *tensor.statistics);
        note_error(tensor.statistics->median);
      }
    } else {
      out += statistics_row(form, std::to_string(kind.tensors.size()), kind.statistics);
      note_error(kind.statistics.median);
    }
  }
  out += "  max/med: largest over median magnitude; kurtosis: 3 for normal values\n";
  if (error > 0.0)
    out += fmt::format("  ~: medians of f32 are known to {:.2g} of their size, from a count of the upper 16 bits\n",
                       error);
  return out;
}

std::string worst_text(const NotesScore& notes) {
  return fmt::format(
      "K ratio (max / median) {} in layer {} (limit 20), largest K weight {} in layer {} (limit 50), {} of {} layers "
      "above 10 (limit: half of them); \"amplification\" {}, which does not enter the score",
      short_number(notes.worst_ratio), notes.worst_ratio_layer, short_number(notes.largest_k), notes.largest_k_layer,
      notes.extreme_layers, notes.layers.size(), short_number(notes.amplification));
}

std::string notes_text(const AuditReport& report, int width) {
  const NotesScore& notes = report.notes_checker;
  std::string out =
      fmt::format("\n  The notes' compatibility checker: score {:.2f}, {}\n", notes.score, notes.verdict());
  const auto add = [&](const std::string& text) { out += wrap(text, "    ", "    ", width); };
  if (notes.layers.empty()) {
    add(report.has_qk_norm ? "Its norms could not be read, so its formula says 1.00 without looking."
                           : "This family has no q and k norm, and without them its formula says 1.00 COMPATIBLE "
                             "without looking at a single weight.");
  } else {
    add(fmt::format("0.4 x {:.2f} (K ratio) + 0.3 x {:.2f} (share of extreme layers) + 0.3 x {:.2f} (largest K)",
                    notes.a, notes.b, notes.c));
    add(worst_text(notes));
    if (notes.left_out > 0)
      add(fmt::format("{} layers hold NaN or infinity in a norm and are left out.", notes.left_out));
    add(
        fmt::format("What does follow from these weights: attention logits stay below {} (layer {}: sqrt(head_dim) x "
                    "max|q_norm| x max|k_norm|). A scale by channel multiplies value and error alike.",
                    short_number(report.logit_bound), report.logit_bound_layer));
  }
  add("This is the notes' formula, with thresholds fitted to one model. It ignores activations, logits, kernel, dtype, "
      "rope, tying and missing tensors. `plumbline noise REF` measures what rounding does to this model's choices.");
  return out;
}

}  // namespace

std::string_view audit_code(AuditRule rule) {
  switch (rule) {
    case AuditRule::missing: return code::kParameterMissing;
    case AuditRule::head_missing: return code::kHeadMissing;
    case AuditRule::shape: return code::kParameterShape;
    case AuditRule::dtype: return code::kParameterDtype;
    case AuditRule::denied_bias: return code::kDeniedBias;
    case AuditRule::unused: return code::kUnusedTensor;
    case AuditRule::contradiction: return code::kShardContradiction;
    case AuditRule::nonfinite: return code::kNonFiniteWeights;
    case AuditRule::unwritten: return code::kUnwrittenWeights;
    case AuditRule::constant: return code::kConstantWeights;
    case AuditRule::repeated_value: return code::kRepeatedWeights;
    case AuditRule::equal_tensors: return code::kEqualTensors;
    case AuditRule::other_head: return code::kOtherHead;
    case AuditRule::transposed: return code::kTransposedSquare;
    case AuditRule::theta: return code::kUnusualTheta;
    case AuditRule::small_embedding: return code::kSmallEmbedding;
  }
  return "";
}

std::string_view stage_state_name(StageState state) {
  switch (state) {
    case StageState::ok: return "ok";
    case StageState::warn: return "warn";
    case StageState::fail: return "fail";
    case StageState::inf: return "inf";
  }
  return "";
}

std::string_view audit_verdict(const AuditReport& report) {
  if (report.present == 0) return "INCONCLUSIVE";
  return report.count(AuditLevel::error) > 0 ? "UNSOUND" : "SOUND";
}

std::string audit_text(const AuditReport& report, const MeasuredAudit* measured, const TextOptions& options,
                       bool by_layer) {
  return head_text(report, options.width) + findings_text(report, options) + statistics_text(report, by_layer) +
         notes_text(report, options.width) +
         (measured != nullptr ? measured_text(report, *measured, options.width, by_layer) : "");
}

}  // namespace plumbline
