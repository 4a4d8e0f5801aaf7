// SPDX-License-Identifier: Apache-2.0
#include "report/blame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/escape.h"
#include "report/parts.h"
#include "report/tokens.h"

namespace plumbline {
namespace {

/// Without a sign where it rounds to zero.
std::string percent(double share) { return fmt::format("{:.1f}%", std::fabs(share) < 5e-4 ? 0.0 : 100.0 * share); }

std::string name_of(const BlamePiece& piece) {
  if (piece.resolved()) return piece.last;
  return fmt::format("{} .. {} ({} ops, not split)", piece.first, local_name(piece.last, piece.layer), piece.ops);
}

std::string role_of(const FindReport& report, const BlamePiece& piece) {
  const OpRow* row = piece.resolved() ? row_of(report, piece.last) : nullptr;
  return row == nullptr ? "" : std::string(role_name(row->role));
}

size_t place_of(const FindReport& report, const std::string& op) {
  const auto found = std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& row) { return row.op == op; });
  return static_cast<size_t>(found - report.ops.begin());
}

/// The piece in which the op's own error appears, or nullptr.
const BlamePiece* piece_with(const FindReport& report, const Blame& blame, const std::string& op) {
  const size_t place = place_of(report, op);
  const auto found = std::find_if(blame.pieces.begin(), blame.pieces.end(),
                                  [&](const BlamePiece& piece) { return place_of(report, piece.last) >= place; });
  return found == blame.pieces.end() || place == report.ops.size() ? nullptr : &*found;
}

std::string through_text(const BlamePiece& piece) {
  if (piece.through.empty()) return "";
  constexpr size_t kNamed = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kNamed, piece.through.size()); ++i)
    text += (i == 0 ? "" : ", ") + local_name(piece.through[i], piece.layer);
  if (piece.through.size() > kNamed) text += fmt::format(" and {} more", piece.through.size() - kNamed);
  return fmt::format("{:50} with {}, not recorded\n", "", escaped(text));
}

std::string row_text(const FindReport& report, const BlamePiece& piece) {
  return fmt::format("  {:>7} {:>10} {:>10} {:>8} {:>8}  {:10} {}\n", percent(piece.share),
                     percent(piece.candidate_share), percent(piece.reference_share), short_number(piece.rms),
                     short_number(piece.max_abs), role_of(report, piece), escaped(name_of(piece))) +
         through_text(piece);
}

std::string rest_text(const Blame& blame, const std::vector<size_t>& order, size_t shown) {
  std::string out;
  double rest = 0.0, unsplit = 0.0;
  int64_t segments = 0;
  for (size_t i = shown; i < order.size(); ++i) rest += blame.pieces[order[i]].share;
  for (const BlamePiece& piece : blame.pieces) {
    unsplit += piece.resolved() ? 0.0 : piece.share;
    segments += piece.resolved() ? 0 : 1;
  }
  if (shown < order.size()) out += fmt::format("  {:>7} [{} more]\n", percent(rest), order.size() - shown);
  out += fmt::format("  {:>7} {:>10} {:>10} sum; element by element off by {:.1e} of the difference\n",
                     percent(blame.share_sum()), percent(blame.share_sum() - blame.reference_sum()),
                     percent(blame.reference_sum()), blame.residue);
  if (segments == 0) return out;
  return out + fmt::format("  unresolved: {} in {} segment{} of several ops; a smaller --resolve splits them\n",
                           percent(unsplit), segments, segments == 1 ? "" : "s");
}

std::string table_text(const FindReport& report, const Blame& blame, int top) {
  std::vector<size_t> order = blame.by_share();
  const size_t shown = top == 0 ? order.size() : std::min(order.size(), static_cast<size_t>(top));
  if (top == 0) std::sort(order.begin(), order.end());
  std::string out = fmt::format("\n  {:>7} {:>10} {:>10} {:>8} {:>8}  {:10} {}\n", "share", "candidate", "reference",
                                "rms", "max", "role", "op");
  for (size_t i = 0; i < shown; ++i) out += row_text(report, blame.pieces[order[i]]);
  out += rest_text(blame, order, shown);
  return out +
         "  share: how much of the logits' difference goes away if the op's own errors do, all later ops\n"
         "  computed exactly; candidate, reference: the parts that either side's own error makes\n";
}

std::string flips_text(const Blame& blame, const TextCodecPtr& tokenizer) {
  if (blame.flips.empty()) return "\n  the likeliest token is the same at every position\n";
  std::string out =
      fmt::format("\n  the likeliest token differs at {} of {} positions\n", blame.flips.size(), blame.positions);
  for (const MarginFlip& flip : blame.flips) {
    out += fmt::format("  position {}: {} | {}, margin {:.3g} in the reference, {:.3g} in the candidate\n",
                       flip.position, token_text(flip.reference_token, tokenizer),
                       token_text(flip.candidate_token, tokenizer), flip.reference_margin, flip.candidate_margin);
    const double times = std::fabs(flip.moved) / flip.reference_margin;
    out += fmt::format("    moved most by {}: {:.3g}, {} of the change{}\n", escaped(name_of(blame.pieces[flip.piece])),
                       flip.moved, percent(flip.share()),
                       std::isfinite(times) ? fmt::format(", {:.3g} times the reference's margin", times) : "");
  }
  return out;
}

std::string head_text(const FindReport& report, const Blame& blame) {
  std::string out = fmt::format("{}  {} vs {}\n", verdict_name(report), escaped(report.reference.file),
                                escaped(report.candidate.file));
  const Finding* first = report.first_divergence();
  if (!blame.reason.empty()) {
    out += fmt::format("  nothing to blame: {}\n", escaped(blame.reason));
    return first == nullptr ? out : out + fmt::format("  first divergence: {}\n", escaped(first->op));
  }
  out += fmt::format("  logits of {} positions differ by rms {}, at most {} (the reference's own rms is {})\n",
                     blame.positions, short_number(blame.rms), short_number(blame.max_abs),
                     short_number(blame.reference_rms));
  if (blame.left_out > 0)
    out += fmt::format("  {} logits that are NaN or infinite on either side are left out\n", blame.left_out);
  if (first == nullptr) {
    out += "  first divergence: none; what differs is rounding\n";
  } else if (const BlamePiece* piece = piece_with(report, blame, first->op)) {
    out += fmt::format("  first divergence: {} ({}), {} of the difference{}\n", escaped(first->op), first->code,
                       percent(piece->share),
                       piece->resolved() && piece->last == first->op ? "" : " together with " + name_of(*piece));
  }
  const BlamePiece& culprit = blame.pieces[blame.by_share().front()];
  return out +
         fmt::format("  main culprit: {}, {} of the difference\n", escaped(name_of(culprit)), percent(culprit.share));
}

using Json = nlohmann::ordered_json;

Json piece_json(const FindReport& report, const BlamePiece& piece) {
  return {{"first", piece.first},
          {"last", piece.last},
          {"layer", piece.layer},
          {"ops", piece.ops},
          {"resolved", piece.resolved()},
          {"through", piece.through},
          {"role", role_of(report, piece)},
          {"share", piece.share},
          {"candidate_share", piece.candidate_share},
          {"reference_share", piece.reference_share},
          {"size", piece.size},
          {"rms", piece.rms},
          {"max_abs", piece.max_abs}};
}

Json flip_json(const Blame& blame, const MarginFlip& flip, const TextCodecPtr& tokenizer) {
  Json out = {{"position", flip.position},
              {"reference_token", flip.reference_token},
              {"candidate_token", flip.candidate_token},
              {"reference_margin", flip.reference_margin},
              {"candidate_margin", flip.candidate_margin},
              {"first", blame.pieces[flip.piece].first},
              {"last", blame.pieces[flip.piece].last},
              {"moved", flip.moved},
              {"share", flip.share()}};
  if (tokenizer) {
    out["reference_text"] = tokenizer->decode({flip.reference_token});
    out["candidate_text"] = tokenizer->decode({flip.candidate_token});
  }
  return out;
}

Json first_json(const FindReport& report, const Blame& blame) {
  const Finding* first = report.first_divergence();
  if (first == nullptr) return nullptr;
  const BlamePiece* piece = piece_with(report, blame, first->op);
  Json out = {{"op", first->op}, {"code", first->code}, {"share", nullptr}};
  if (piece != nullptr) out["share"] = piece->share;
  return out;
}

}  // namespace

std::string blame_text(const FindReport& report, const Blame& blame, const TextCodecPtr& tokenizer, int top) {
  std::string out = head_text(report, blame);
  if (blame.pieces.empty()) return out;
  return out + table_text(report, blame, top) + flips_text(blame, tokenizer);
}

std::string blame_json(const FindReport& report, const Blame& blame, const TextCodecPtr& tokenizer) {
  Json pieces = Json::array(), flips = Json::array();
  for (const BlamePiece& piece : blame.pieces) pieces.push_back(piece_json(report, piece));
  for (const MarginFlip& flip : blame.flips) flips.push_back(flip_json(blame, flip, tokenizer));
  Json out = {
      {"schema", {{"name", "plumbline-blame"}, {"version", "1.0"}}},
      {"outcome", outcome_name(report.outcome)},
      {"headline", report.headline},
      {"reference", report.reference.file},
      {"candidate", report.candidate.file},
      {"model", report.model},
      {"reason", blame.reason},
      {"positions", blame.positions},
      {"difference", {{"rms", blame.rms}, {"max_abs", blame.max_abs}, {"left_out", blame.left_out}}},
      {"reference_rms", blame.reference_rms},
      {"first_divergence", first_json(report, blame)},
      {"culprit", nullptr},
      {"sum", {{"shares", blame.share_sum()}, {"reference", blame.reference_sum()}, {"residue", blame.residue}}},
      {"tails", blame.tails},
      {"pieces", pieces},
      {"flips", flips}};
  if (!blame.pieces.empty()) out["culprit"] = blame.pieces[blame.by_share().front()].last;
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace plumbline
