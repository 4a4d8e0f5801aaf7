// SPDX-License-Identifier: Apache-2.0
// Names of the enumerations in find.h, and the choice of the first divergence.
#include <plumbline/find.h>

#include <algorithm>

namespace plumbline {

std::string_view role_name(Role role) {
  switch (role) {
    case Role::clean: return "clean";
    case Role::origin: return "origin";
    case Role::contract: return "contract";
    case Role::inherited: return "inherited";
    case Role::amplifier: return "amplifier";
    case Role::damper: return "damper";
    case Role::waived: return "waived";
    case Role::unknown: return "unknown";
    case Role::incomparable: return "incomparable";
  }
  return "unknown";
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::parity: return "parity";
    case Outcome::divergence: return "divergence";
    case Outcome::inconclusive: return "inconclusive";
  }
  return "inconclusive";
}

int exit_status(Outcome outcome) {
  switch (outcome) {
    case Outcome::parity: return 0;
    case Outcome::divergence: return 1;
    case Outcome::inconclusive: return 3;
  }
  return 3;
}

std::string_view level_name(Level level) {
  switch (level) {
    case Level::error: return "error";
    case Level::warning: return "warning";
    case Level::note: return "note";
  }
  return "note";
}

std::string_view cause_status_name(CauseStatus status) {
  switch (status) {
    case CauseStatus::likely: return "likely";
    case CauseStatus::possible: return "possible";
    case CauseStatus::ruled_out: return "ruled out";
  }
  return "ruled out";
}

const Finding* FindReport::first_divergence() const {
  if (outcome != Outcome::divergence) return nullptr;
  // An op's own failure comes before a parameter that explains it; findings already stand in execution order.
  const auto own = [](const Finding& finding) { return finding.level == Level::error && finding.role.has_value(); };
  const auto any = [](const Finding& finding) { return finding.level == Level::error && !finding.op.empty(); };
  auto found = std::find_if(findings.begin(), findings.end(), own);
  if (found == findings.end()) found = std::find_if(findings.begin(), findings.end(), any);
  return found == findings.end() ? nullptr : &*found;
}

}  // namespace plumbline
