// SPDX-License-Identifier: Apache-2.0
// One function per kind of breach.
#include "gate/breaches.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/tap.h>

#include <algorithm>

#include "gate/findings_edit.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

bool about_own_error(const Finding& finding) { return finding.role.has_value() && finding.level == Level::error; }

bool has_own_finding(const FindReport& report, const std::string& op) {
  return std::any_of(report.findings.begin(), report.findings.end(),
                     [&](const Finding& finding) { return finding.op == op && about_own_error(finding); });
}

Finding about(const OpRow& row, std::string_view code, std::string title) {
  Finding finding;
  finding.code = code;
  finding.op = row.op;
  finding.layer = row.layer;
  finding.title = std::move(title);
  return finding;
}

void add_limits(FindReport& report, const Policy& policy, const std::vector<bool>& own_finding) {
  for (size_t i = 0; i < report.ops.size(); ++i) {
    OpRow& row = report.ops[i];
    for (size_t kind = 0; kind < kLimitKinds.size(); ++kind) {
      const LimitKind& figure = kLimitKinds[kind];
      if (figure.judged ? !row.judged || own_finding[i] : !row.compared) continue;
      const Decision decision = decide_limit(policy, row.op, kind);
      const double value = row.*figure.figure;
      if (!decision.limit || !(value > *decision.limit)) continue;
      Finding finding = about(row, code::kLimit,
                              fmt::format("`{}` passes a limit of the policy: {} {:.4g}, at most {:.4g}", row.op,
                                          figure.key, value, *decision.limit));
      finding.evidence.push_back(fmt::format("{}: {}", figure.key, figure.meaning));
      finding.evidence.push_back(fmt::format("limit set at {}", policy.at(decision.rule->line)));
      if (figure.judged) finding.role = row.role = Role::origin;
      insert_in_order(report, std::move(finding));
    }
  }
}

bool listed(const Rule& rule, const std::string& contract) {
  return std::find(rule.contracts->begin(), rule.contracts->end(), contract) != rule.contracts->end();
}

/// One finding per contract: a kernel that fell back did so in every layer.
void add_contracts(FindReport& report, const Policy& policy, const GateFacts& facts) {
  struct Stray {
    std::vector<std::string> ops;
    std::string declared;
    int line = 0;
  };
  std::map<std::string, Stray> strays;
  for (const OpRow& row : report.ops) {
    const auto stated = facts.candidate_contracts.find(row.op);
    const Rule* rule = decide_contracts(policy, row.op);
    if (stated == facts.candidate_contracts.end() || rule == nullptr || has_own_finding(report, row.op)) continue;
    const auto declared = facts.reference_contracts.find(row.op);
    if (declared != facts.reference_contracts.end() && declared->second == stated->second) continue;
    if (listed(*rule, stated->second)) continue;
    Stray& stray = strays[stated->second];
    stray.ops.push_back(row.op);
    stray.line = rule->line;
    if (declared != facts.reference_contracts.end()) stray.declared = declared->second;
  }
  for (const auto& [contract, stray] : strays) {
    Finding finding = about(*row_of(report, stray.ops.front()), code::kNotAllowed,
                            fmt::format("the candidate ran {} op{} under the contract {}, which the policy does not "
                                        "allow",
                                        stray.ops.size(), stray.ops.size() == 1 ? "" : "s", contract));
    finding.contract = contract;
    finding.evidence.push_back(fmt::format("the first is {}; the reference declares {}", stray.ops.front(),
                                           stray.declared.empty() ? "no contract for it" : stray.declared));
    finding.evidence.push_back(fmt::format("allowed contracts are set at {}", policy.at(stray.line)));
    finding.help.push_back("find out why the candidate fell back to another kernel");
    insert_in_order(report, std::move(finding));
  }
}

void add_run(FindReport& report, const Policy& policy, const GateFacts& facts) {
  for (const auto& [field, allowed] : policy.candidate) {
    const auto found = facts.candidate_run.find(field);
    const std::string value = found == facts.candidate_run.end() ? "" : found->second;
    const bool fits = std::any_of(allowed.allowed.begin(), allowed.allowed.end(),
                                  [&](const std::string& glob) { return glob_matches(glob, value); });
    if (fits) continue;
    Finding finding;
    finding.code = code::kNotAllowed;
    finding.title = fmt::format("the candidate was run with {} '{}', which the policy does not allow", field, value);
    finding.evidence.push_back(
        fmt::format("{} allows: '{}'", policy.at(allowed.line), fmt::join(allowed.allowed, "', '")));
    finding.help.push_back("record the candidate as the policy wants it");
    report.findings.push_back(std::move(finding));
  }
}

}  // namespace

void add_breaches(FindReport& report, const Policy& policy, const GateFacts& facts) {
  std::vector<bool> own_finding;
  for (const OpRow& row : report.ops) own_finding.push_back(has_own_finding(report, row.op));
  add_contracts(report, policy, facts);
  add_limits(report, policy, own_finding);
  add_run(report, policy, facts);
}

}  // namespace plumbline
