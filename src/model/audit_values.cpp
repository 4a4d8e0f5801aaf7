// SPDX-License-Identifier: Apache-2.0
// Were these numbers ever written, and by whom? Rules over the statistics of single tensors and over pairs of them.
#include <array>
#include <map>

#include <fmt/format.h>

#include "model/audit_rules.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

// From here on a square passes f32's range: a norm's sum of squares is infinite, its rsqrt 0 and its result 0.
constexpr double kSquareOverflows = 0x1p64;
// Share of values with exponents that training leaves empty; raw memory read as numbers has far more on both sides.
constexpr double kSpreadShare = 0.01;
constexpr double kRepeatedShare = 0.25;
constexpr int64_t kFewestForShares = 4096;

constexpr const char* kReload = "fetch the weights again; if that does not help, look at what wrote the file";

struct Fill {
  uint16_t pattern;
  const char* who;
};
// Debug heaps (0xCD, 0xCC: Microsoft's C runtime; 0xA5, 0x5A: jemalloc's opt.junk) and device memory set to ones.
constexpr std::array kFills = {Fill{0xCDCD, "a debug heap's fill, 0xCD"}, Fill{0xCCCC, "a debug stack's fill, 0xCC"},
                               Fill{0xA5A5, "an allocator's junk fill, 0xA5"},
                               Fill{0x5A5A, "an allocator's junk fill, 0x5A"}};

std::string fill_evidence(DType dtype, double value) {
  if (dtype == DType::f32) return "";
  std::byte bytes[2];
  encode(dtype, value, bytes);
  const auto pattern =
      static_cast<uint16_t>(std::to_integer<unsigned>(bytes[0]) | std::to_integer<unsigned>(bytes[1]) << 8);
  for (const Fill& fill : kFills)
    if (fill.pattern == pattern) return std::string("its bits are ") + fill.who;
  return "";
}

AuditFinding finding_of(AuditRule rule, AuditLevel level, std::string title, const AuditedTensor& tensor) {
  return {rule, level, std::move(title), {tensor.name}, tensor.file, {values_of(*tensor.statistics)}, kReload};
}

bool check_nonfinite(AuditReport& report, const AuditedTensor& tensor) {
  const WeightStatistics& s = *tensor.statistics;
  if (s.nans + s.infinities == 0) return false;
  AuditFinding finding = finding_of(AuditRule::nonfinite, AuditLevel::error, "weights are not finite", tensor);
  finding.evidence.push_back(fmt::format("{} NaN, {} infinite", s.nans, s.infinities));
  report.findings.push_back(std::move(finding));
  return true;
}

bool check_unwritten(AuditReport& report, const AuditedTensor& tensor) {
  const WeightStatistics& s = *tensor.statistics;
  const auto others = static_cast<double>(s.moments.count - s.zeros);
  const bool overflows = s.moments.count > 0 && s.magnitude() >= kSquareOverflows;
  const bool spread = others > 0.0 && static_cast<double>(s.tiny + s.huge) > kSpreadShare * others;
  if (!overflows && !spread && s.huge == 0) return false;
  const bool certain = overflows || (spread && s.huge > 0);
  AuditFinding finding = finding_of(
      AuditRule::unwritten, certain ? AuditLevel::error : AuditLevel::warning,
      certain ? "numbers as in memory that was never written" : "numbers far from what training leaves", tensor);
  if (overflows) finding.evidence.push_back("the largest square passes f32's range: a norm after it gives 0 or NaN");
  finding.evidence.push_back(fmt::format("{} magnitudes from 2^19 on, {} below 2^-64 (0 not counted)", s.huge, s.tiny));
  report.findings.push_back(std::move(finding));
  return true;
}

bool check_constant(AuditReport& report, const AuditedTensor& tensor) {
  const WeightStatistics& s = *tensor.statistics;
  if (s.moments.count < 2 || s.nans + s.infinities > 0 || s.least != s.largest) return false;
  const bool matrix = tensor.shape.size() > 1;
  const bool initial = !matrix && s.least == (tensor.name.ends_with(".bias") ? 0.0 : 1.0);
  AuditFinding finding = finding_of(AuditRule::constant, initial ? AuditLevel::warning : AuditLevel::error,
                                    s.least == 0.0 ? "every element is zero" : "every element is the same", tensor);
  finding.evidence = {fmt::format("{} elements, all {:.6g}", s.count, s.least)};
  const std::string fill = fill_evidence(tensor.dtype, s.least);
  if (!fill.empty()) finding.evidence.push_back(fill);
  if (initial) finding.evidence.push_back("the value such a tensor begins its training with");
  report.findings.push_back(std::move(finding));
  return true;
}

void check_repeated(AuditReport& report, const AuditedTensor& tensor) {
  const WeightStatistics& s = *tensor.statistics;
  if (tensor.shape.size() < 2 || s.count < kFewestForShares) return;
  const double share = static_cast<double>(s.commonest_count) / static_cast<double>(s.count);
  if (share < kRepeatedShare) return;
  AuditFinding finding =
      finding_of(AuditRule::repeated_value, AuditLevel::warning, "a large part of a matrix is one value", tensor);
  finding.evidence.push_back(fmt::format("{:.1f} % of the elements are {:.6g}", 100.0 * share, s.commonest));
  finding.help = "if the model was not pruned, a part was never written: fetch the weights again";
  report.findings.push_back(std::move(finding));
}

bool is_constant(const WeightStatistics& s) { return s.least == s.largest; }

}  // namespace

void check_values(AuditReport& report) {
  for (const AuditedTensor& tensor : report.tensors) {
    if (!tensor.statistics || is_computed_buffer(tensor.name)) continue;
    if (check_constant(report, tensor)) continue;
    const bool nonfinite = check_nonfinite(report, tensor), unwritten = check_unwritten(report, tensor);
    if (!nonfinite && !unwritten) check_repeated(report, tensor);
  }
}

void check_equal_tensors(AuditReport& report) {
  const std::string head = head_parameter(report.config).name;
  std::map<std::tuple<DType, Shape, std::vector<uint64_t>>, std::vector<const AuditedTensor*>> same;
  for (const AuditedTensor& tensor : report.tensors) {
    if (!tensor.statistics || is_constant(*tensor.statistics)) continue;  // constants have a finding of their own
    if (is_computed_buffer(tensor.name) || (report.config.tied && tensor.name == head)) continue;
    same[{tensor.dtype, tensor.shape, tensor.pieces}].push_back(&tensor);
  }
  for (const auto& [key, tensors] : same) {
    if (tensors.size() < 2) continue;
    AuditFinding finding{AuditRule::equal_tensors,
                         AuditLevel::warning,
                         "several tensors hold the same numbers",
                         {},
                         tensors.front()->file,
                         {form_of(*tensors.front()) + ", equal bit for bit"},
                         "if it is not meant (layers that were copied, a head tied by hand), one was written in the "
                         "place of another: fetch the weights again"};
    for (const AuditedTensor* tensor : tensors) finding.tensors.push_back(tensor->name);
    if (finding.tensors.back() == head)
      finding.evidence.push_back("a head equal to the embedding: tie_word_embeddings could say so");
    report.findings.push_back(std::move(finding));
  }
}

void check_squares(AuditReport& report, const std::vector<SquareMatrix>& squares) {
  report.squares = static_cast<int64_t>(squares.size());
  std::map<std::string, std::string> files;
  for (const AuditedTensor& tensor : report.tensors) files[tensor.name] = tensor.file;
  for (const SquareMatrix& square : squares) {
    const SquareVerdict verdict = judge_square(square, squares);
    if (verdict.form == SquareForm::upright) ++report.squares_upright;
    if (verdict.form != SquareForm::transposed) continue;
    ++report.squares_transposed;
    report.findings.push_back(
        {AuditRule::transposed,
         AuditLevel::error,
         "a square matrix fits its neighbours only transposed",
         {square.name},
         files[square.name],
         {fmt::format("norms of rows and columns beside those of {} in {} neighbouring layers:", square.kind,
                      verdict.neighbours),
          fmt::format("as stored r {:.2f}, z {:.1f}; crossed r {:.2f}, z {:.1f} (chance: r 0, z 1; "
                      "said where crossed is ahead by r {} and z {})",
                      verdict.upright_r, verdict.upright, verdict.crossed_r, verdict.crossed, kSquareLikeness,
                      kSquareLimit)},
         "compare it and those neighbours with the original weights: it is turned, or they are; store all [out,in]"});
  }
}

}  // namespace plumbline
