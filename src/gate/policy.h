// SPDX-License-Identifier: Apache-2.0
// What a team demands of a candidate, as data: limits, coverage, taps, contracts, waivers. Made from a file by
// policy_file.h, from nothing by the defaults below. Invariant: every entry knows its line, so that a verdict can name
// it; globs and codes have been checked.
#pragma once
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/find.h>

#include "gate/date.h"

namespace plumbline {

enum class PolicyKind : uint8_t {
  parity,    ///< every op within the bound of its contract
  not_worse  ///< or, where it breaks that, no further from exact arithmetic than the reference's
};
std::string_view policy_kind_name(PolicyKind kind);

/// A figure of an op that a policy may bound from above.
struct LimitKind {
  std::string_view key;
  double OpRow::*figure;
  bool judged;  ///< needs a replay; the others are differences of stored values
  std::string_view meaning;
};
inline constexpr std::array kLimitKinds = {
    LimitKind{"own_share", &OpRow::own_share, true, "own error as a multiple of its derived bound"},
    LimitKind{"mismatch", &OpRow::mismatch, true, "share of bits unlike the rounded replay's"},
    LimitKind{"unequal", &OpRow::unequal, false, "share of bits unlike the reference's"},
    LimitKind{"max_abs", &OpRow::max_abs, false, "largest difference from the reference"},
    LimitKind{"total", &OpRow::total, false, "relative L2 difference from the reference"},
};
inline constexpr size_t kOwnShare = 0, kMismatch = 1;  // of kLimitKinds

/// Limits and allowed contracts for the ops that `match` matches; the last rule that sets a figure decides it.
struct Rule {
  std::string match = "*";
  std::array<std::optional<double>, kLimitKinds.size()> limits;
  std::optional<std::vector<std::string>> contracts;  ///< allowed besides the one that the reference declares
  std::string why;                                    ///< demanded where a limit is wider than the derived bound
  int line = 0;
};

struct Waiver {
  std::string id, match, code, reason, owner, issue;
  double ceiling = 0.0;  ///< the own share that the finding may not pass
  Date expires{};        ///< the last day on which it holds
  int line = 0;
};

struct Pattern {
  std::string glob;
  int line = 0;
};

/// Globs of which one must match; not over taps.
struct Allowed {
  std::vector<std::string> allowed;
  int line = 0;
};

struct Policy {
  std::filesystem::path file;  ///< empty: no file, all defaults
  std::string suite;
  PolicyKind kind = PolicyKind::parity;
  int kind_line = 0;
  double min_coverage = 0.98;                ///< share of the reference's ops that must have been judged
  std::vector<Pattern> required_taps;        ///< each must match a tap, and all it matches must be on both sides
  std::vector<Pattern> allow_missing;        ///< taps that one side or both may lack
  std::map<std::string, Allowed> candidate;  ///< "backend", "device", "environment.KEY": how the candidate was run
  std::vector<Rule> rules;                   ///< in the order of the file; [limits] is the first
  std::vector<Waiver> waivers;
  int notice_days = 14;  ///< a waiver with fewer days left is named

  /// "plumbline.toml:31".
  std::string at(int line) const;
};

/// What decides one figure of one op; `rule` is nullptr where nothing but the derived bound does.
struct Decision {
  std::optional<double> limit;
  const Rule* rule = nullptr;
};
Decision decide_limit(const Policy& policy, std::string_view op, size_t kind);
/// The rule that lists contracts for that op, or nullptr.
const Rule* decide_contracts(const Policy& policy, std::string_view op);
/// Waivers for findings of that code at that op, expired ones too, in the order of the file.
std::vector<const Waiver*> waivers_for(const Policy& policy, std::string_view op, std::string_view code);
bool expired(const Waiver& waiver, Date today);
/// Codes that a waiver may name: findings about one op whose own error can be measured against a ceiling.
bool can_be_waived(std::string_view code);

}  // namespace plumbline
