// SPDX-License-Identifier: Apache-2.0
// Which entry of a policy decides.
#include "gate/policy.h"

#include <fmt/format.h>
#include <plumbline/tap.h>

#include <algorithm>

#include "locate/codes.h"

namespace plumbline {

std::string_view policy_kind_name(PolicyKind kind) { return kind == PolicyKind::parity ? "parity" : "not-worse"; }

std::string Policy::at(int line) const { return fmt::format("{}:{}", file.string(), line); }

Decision decide_limit(const Policy& policy, std::string_view op, size_t kind) {
  const auto decides = [&](const Rule& rule) { return rule.limits[kind].has_value() && glob_matches(rule.match, op); };
  const auto found = std::find_if(policy.rules.rbegin(), policy.rules.rend(), decides);
  if (found == policy.rules.rend()) return {};
  return {found->limits[kind], &*found};
}

const Rule* decide_contracts(const Policy& policy, std::string_view op) {
  const auto decides = [&](const Rule& rule) { return rule.contracts.has_value() && glob_matches(rule.match, op); };
  const auto found = std::find_if(policy.rules.rbegin(), policy.rules.rend(), decides);
  return found == policy.rules.rend() ? nullptr : &*found;
}

std::vector<const Waiver*> waivers_for(const Policy& policy, std::string_view op, std::string_view code) {
  std::vector<const Waiver*> found;
  for (const Waiver& waiver : policy.waivers)
    if (waiver.code == code && glob_matches(waiver.match, op)) found.push_back(&waiver);
  return found;
}

bool expired(const Waiver& waiver, Date today) { return waiver.expires < today; }

bool can_be_waived(std::string_view code) {
  constexpr std::array kWaivable = {code::kOwnError,          code::kMismatch,       code::kOtherContract,
                                    code::kOtherFormat,       code::kNonFinite,      code::kParameterDiffers,
                                    code::kParameterOneSided, code::kSettingsDiffer, code::kLimit};
  return std::find(kWaivable.begin(), kWaivable.end(), code) != kWaivable.end();
}

}  // namespace plumbline
