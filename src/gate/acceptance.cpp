// SPDX-License-Identifier: Apache-2.0
// Which entry accepts a finding, in the order: limit, contract, not-worse, waiver.
#include "gate/acceptance.h"

#include <fmt/format.h>
#include <plumbline/tap.h>

#include <algorithm>
#include <set>

#include "gate/findings_edit.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

Acceptance by_rule(const Policy& policy, const Rule& rule, std::string_view what) {
  return {fmt::format("{} for {}", what, rule.match), policy.at(rule.line), rule.why, "", ""};
}

/// A wider limit for the figure that failed. The bound on own error holds beside a wider share of mismatches.
std::optional<Acceptance> by_limit(const Policy& policy, const Finding& finding, const OpRow& row) {
  const Decision own = decide_limit(policy, row.op, kOwnShare), bits = decide_limit(policy, row.op, kMismatch);
  if (finding.code == code::kOwnError && own.limit && row.own_share <= *own.limit)
    return by_rule(policy, *own.rule,
                   fmt::format("own_share {:.4g} is within the limit {:.4g}", row.own_share, *own.limit));
  if (finding.code == code::kMismatch && bits.limit && row.mismatch <= *bits.limit &&
      row.own_share <= own.limit.value_or(1.0))
    return by_rule(policy, *bits.rule,
                   fmt::format("mismatch {:.4g} is within the limit {:.4g}", row.mismatch, *bits.limit));
  return std::nullopt;
}

std::optional<Acceptance> by_contract(const Policy& policy, const Finding& finding) {
  if (finding.code != code::kOtherContract) return std::nullopt;
  const Rule* rule = decide_contracts(policy, finding.op);
  if (rule == nullptr ||
      std::find(rule->contracts->begin(), rule->contracts->end(), finding.contract) == rule->contracts->end())
    return std::nullopt;
  return by_rule(policy, *rule, fmt::format("contract {} is allowed", finding.contract));
}

/// Standard deviations by which the candidate's sum of squares may pass the reference's: over a few thousand ops chance
/// alone gives 5 with a probability below 1e-3.
constexpr double kMostExcess = 5.0;

/// No further from exact arithmetic than the reference: neither at the worst element, nor in sum. Where a known
/// contract explains the difference, chance may add to the sum; where none does, a small defect could hide in that
/// allowance. NaN, for not measured, is no.
bool not_worse(const Finding& finding, const OpRow& row) {
  const double most = finding.code == code::kOtherContract ? kMostExcess : 0.0;
  return row.exact_share <= std::max(1.0, row.exact_reference_share) && row.exact_excess <= most;
}

std::string exactness_text(const OpRow& row) {
  return fmt::format(
      "{:.4g} from exact arithmetic (relative L2), {:.3g} of the reference's {:.4g}; worst element {:.4g} x one output "
      "rounding, the reference {:.4g}; {:.3g} standard deviations",
      row.exact_own, row.exact_own / row.exact_reference_own, row.exact_reference_own, row.exact_share,
      row.exact_reference_share, row.exact_excess);
}

std::optional<Acceptance> by_exactness(const Policy& policy, const Finding& finding, const OpRow& row) {
  const bool about_own_error = finding.code == code::kOwnError || finding.code == code::kMismatch ||
                               finding.code == code::kOtherContract || finding.code == code::kOtherFormat;
  if (policy.kind != PolicyKind::not_worse || !about_own_error || !not_worse(finding, row)) return std::nullopt;
  return Acceptance{"policy not-worse", policy.at(policy.kind_line), exactness_text(row), "", ""};
}

class Waivers {
 public:
  Waivers(const Policy& policy, Date today) : policy_(policy), today_(today) {}

  /// The waiver that excuses the finding; one that does not, for its ceiling or its age, is named in the evidence.
  std::optional<Acceptance> excuse(Finding& finding, const OpRow& row) {
    for (const Waiver* waiver : waivers_for(policy_, finding.op, finding.code)) {
      used_.insert(waiver);
      const std::string name = fmt::format("waiver {} ({})", waiver->id, policy_.at(waiver->line));
      if (expired(*waiver, today_)) {
        late_.insert(waiver);
        finding.evidence.push_back(fmt::format("{} expired on {}", name, date_text(waiver->expires)));
      } else if (!(row.own_share <= waiver->ceiling)) {
        finding.evidence.push_back(
            fmt::format("{} holds up to {:.4g} x the bound, this is {:.4g}", name, waiver->ceiling, row.own_share));
      } else {
        granted_.insert(waiver);
        return Acceptance{"waiver " + waiver->id, policy_.at(waiver->line), waiver->reason, waiver->owner,
                          date_text(waiver->expires)};
      }
    }
    return std::nullopt;
  }

  void report_on(FindReport& report) const {
    for (const Waiver& waiver : policy_.waivers) {
      if (late_.contains(&waiver))
        report.findings.push_back(late(waiver));
      else if (!used_.contains(&waiver) && all_judged(report, waiver))
        report.findings.push_back(unused(waiver));
      const int left = days_between(today_, waiver.expires);
      if (granted_.contains(&waiver) && left < policy_.notice_days)
        report.notes.push_back(fmt::format("waiver {} of {} expires in {} day{}, on {}", waiver.id, waiver.owner, left,
                                           left == 1 ? "" : "s", date_text(waiver.expires)));
    }
  }

 private:
  Finding base(const Waiver& waiver, std::string_view code, Level level, std::string title) const {
    Finding finding;
    finding.code = code;
    finding.level = level;
    finding.title = std::move(title);
    finding.evidence = {
        fmt::format("{}: {} at {}, owner {}", policy_.at(waiver.line), waiver.code, waiver.match, waiver.owner),
        fmt::format("its reason: {}", waiver.reason)};
    return finding;
  }
  Finding late(const Waiver& waiver) const {
    const int days = days_between(waiver.expires, today_);
    return base(waiver, code::kWaiverExpired, Level::warning,
                fmt::format("waiver {} expired on {}, {} day{} ago, and does not apply", waiver.id,
                            date_text(waiver.expires), days, days == 1 ? "" : "s"));
  }
  Finding unused(const Waiver& waiver) const {
    Finding finding =
        base(waiver, code::kWaiverUnused, Level::error,
             fmt::format("waiver {} excuses nothing: no op that it matches has {}", waiver.id, waiver.code));
    finding.help.push_back(fmt::format("take it out of {}", policy_.file.string()));
    return finding;
  }
  /// Where an op was not judged nobody knows whether the waiver is needed.
  static bool all_judged(const FindReport& report, const Waiver& waiver) {
    if (report.ops.empty()) return false;
    return std::none_of(report.ops.begin(), report.ops.end(), [&](const OpRow& row) {
      return row.role == Role::unknown && glob_matches(waiver.match, row.op);
    });
  }

  const Policy& policy_;
  Date today_;
  std::set<const Waiver*> used_, granted_, late_;
};

void accept(Finding& finding, Acceptance acceptance) {
  finding.level = Level::note;
  if (finding.role) finding.role = Role::waived;
  finding.accepted = std::move(acceptance);
}

/// An op is waived once nothing at it counts any more.
void mark_rows(FindReport& report) {
  std::set<std::string> open, accepted;
  for (const Finding& finding : report.findings) {
    if (finding.level == Level::error) open.insert(finding.op);
    if (finding.accepted && finding.role) accepted.insert(finding.op);
  }
  for (OpRow& row : report.ops)
    if (accepted.contains(row.op) && !open.contains(row.op)) row.role = Role::waived;
}

}  // namespace

void accept_findings(FindReport& report, const Policy& policy, Date today) {
  Waivers waivers(policy, today);
  for (Finding& finding : report.findings) {
    const OpRow* row = finding.op.empty() ? nullptr : row_of(report, finding.op);
    if (finding.level != Level::error || row == nullptr) continue;
    std::optional<Acceptance> acceptance = by_limit(policy, finding, *row);
    if (!acceptance) acceptance = by_contract(policy, finding);
    if (!acceptance) acceptance = by_exactness(policy, finding, *row);
    if (!acceptance) acceptance = waivers.excuse(finding, *row);
    if (acceptance) accept(finding, std::move(*acceptance));
  }
  waivers.report_on(report);
  mark_rows(report);
}

}  // namespace plumbline
