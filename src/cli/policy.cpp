// SPDX-License-Identifier: Apache-2.0
// `plumbline policy`: looks at a policy file without any traces.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/error.h>
#include <plumbline/tap.h>

#include <algorithm>
#include <memory>

#include "cli/output.h"
#include "cli/policy_options.h"
#include "cli/verbs.h"
#include "gate/policy_file.h"
#include "locate/codes.h"
#include "report/escape.h"

namespace plumbline {
namespace {

struct Options {
  std::string file, op, code, today;
};

std::string days_text(int days) {
  return days < 0 ? fmt::format("expired {} day{} ago", -days, days == -1 ? "" : "s") : std::to_string(days);
}

bool any_expired(const Policy& policy, Date today) {
  return std::any_of(policy.waivers.begin(), policy.waivers.end(),
                     [&](const Waiver& waiver) { return expired(waiver, today); });
}

std::string check_text(const Policy& policy, Date today) {
  std::string out = fmt::format("{}: sound; {}, {} rule{}, {} waiver{}\n", escaped(policy.file.string()),
                                policy_kind_name(policy.kind), policy.rules.size(), policy.rules.size() == 1 ? "" : "s",
                                policy.waivers.size(), policy.waivers.size() == 1 ? "" : "s");
  for (const Rule& rule : policy.rules)
    if (!rule.why.empty())
      out += fmt::format("{}: wider than the contract for {}: {}\n", escaped(policy.at(rule.line)), rule.match,
                         escaped(rule.why));
  for (const Waiver& waiver : policy.waivers)
    if (expired(waiver, today))
      out += fmt::format("{}: waiver {} expired on {} and does not apply\n", escaped(policy.at(waiver.line)),
                         escaped(waiver.id), date_text(waiver.expires));
  return out;
}

std::string limit_line(const Policy& policy, const std::string& op, size_t kind) {
  const LimitKind& figure = kLimitKinds[kind];
  const Decision decision = decide_limit(policy, op, kind);
  if (decision.rule != nullptr)
    return fmt::format("  {:<10} at most {:.6g}  {} (match {}){}\n", figure.key, *decision.limit,
                       escaped(policy.at(decision.rule->line)), decision.rule->match,
                       decision.rule->why.empty() ? "" : ": " + escaped(decision.rule->why));
  const char* otherwise = kind == kOwnShare   ? "at most 1, the derived bound"
                          : kind == kMismatch ? "what rounding noise explains"
                                              : "no limit";
  return fmt::format("  {:<10} {}  (no rule)\n", figure.key, otherwise);
}

std::string contract_line(const Policy& policy, const std::string& op) {
  const Rule* rule = decide_contracts(policy, op);
  if (rule == nullptr) return "  contracts  not listed: the numbers decide  (no rule)\n";
  return fmt::format("  contracts  the reference's own{}{}  {} (match {})\n", rule->contracts->empty() ? "" : ", ",
                     fmt::join(*rule->contracts, ", "), escaped(policy.at(rule->line)), rule->match);
}

std::string waiver_line(const Policy& policy, const Waiver& waiver, Date today) {
  return fmt::format("  waiver {}  {}: {} at {} up to {:.6g} x the bound, {}, until {}{}: {}\n", escaped(waiver.id),
                     escaped(policy.at(waiver.line)), waiver.code, waiver.match, waiver.ceiling, escaped(waiver.owner),
                     date_text(waiver.expires), expired(waiver, today) ? " (expired: does not apply)" : "",
                     escaped(waiver.reason));
}

void check_code(const std::string& code) {
  if (code.empty() || find_code_page(code) != nullptr) return;
  throw UsageError("plumbline policy why: no such code", {"given: " + code}, "`plumbline explain` lists them all");
}

/// The code spelled as the registry spells it, so that "p0201" finds its waivers.
std::string why_text(const Policy& policy, const Options& options, Date today) {
  const std::string code = options.code.empty() ? "" : std::string(find_code_page(options.code)->code);
  std::string out = fmt::format("{}  policy {}\n", escaped(options.op), policy_kind_name(policy.kind));
  for (size_t kind = 0; kind < kLimitKinds.size(); ++kind) out += limit_line(policy, options.op, kind);
  out += contract_line(policy, options.op);
  bool any = false;
  for (const Waiver& waiver : policy.waivers) {
    if (!glob_matches(waiver.match, options.op) || (!code.empty() && waiver.code != code)) continue;
    out += waiver_line(policy, waiver, today);
    any = true;
  }
  if (!any) out += code.empty() ? "  no waiver\n" : fmt::format("  no waiver for {}\n", code);
  return out;
}

std::string waivers_text(const Policy& policy, Date today) {
  if (policy.waivers.empty()) return "no waivers\n";
  std::string out = fmt::format("{:<10} {:<5} {:>8}  {:<10} {:<21} {:<12} {}\n", "id", "code", "ceiling", "expires",
                                "days left", "owner", "op; reason");
  std::vector<const Waiver*> order;
  for (const Waiver& waiver : policy.waivers) order.push_back(&waiver);
  std::stable_sort(order.begin(), order.end(),
                   [](const Waiver* a, const Waiver* b) { return a->expires < b->expires; });
  for (const Waiver* waiver : order)
    out += fmt::format("{:<10} {:<5} {:>8.4g}  {:<10} {:<21} {:<12} {}; {}\n", escaped(waiver->id), waiver->code,
                       waiver->ceiling, date_text(waiver->expires), days_text(days_between(today, waiver->expires)),
                       escaped(waiver->owner), waiver->match, escaped(waiver->reason));
  return out;
}

CLI::App* add_part(CLI::App& verb, const char* name, const char* help, Options& options) {
  CLI::App* part = verb.add_subcommand(name, help);
  part->add_option("FILE", options.file, "Policy file")->required();
  add_today_option(*part, options.today);
  return part;
}

}  // namespace

void add_policy(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("policy", "Look at a policy file: is it sound, what decides, what is waived");
  verb->require_subcommand(1);
  verb->footer(
      "Exit status: 0; 1 if check or waivers meets a waiver that has expired; 2 for a\n"
      "file that is no policy.\n\n"
      "Examples:\n  plumbline policy check plumbline.toml\n"
      "  plumbline policy why plumbline.toml layer.3.attn.softmax P0202\n"
      "  plumbline policy waivers plumbline.toml");
  auto options = std::make_shared<Options>();
  CLI::App* check = add_part(*verb, "check", "Is the file a policy; what it widens and what has expired", *options);
  check->callback([options, &status] {
    const Policy policy = read_policy(options->file);
    const Date today = today_option(options->today);
    print(check_text(policy, today));
    status = any_expired(policy, today) ? 1 : 0;
  });
  CLI::App* why = add_part(*verb, "why", "Which entries decide about an op (and a code)", *options);
  why->add_option("OP", options->op, "For example layer.3.attn.softmax")->required();
  why->add_option("CODE", options->code, "Only waivers for this code, for example P0202");
  why->callback([options, &status] {
    check_code(options->code);
    print(why_text(read_policy(options->file), *options, today_option(options->today)));
    status = 0;
  });
  CLI::App* waivers = add_part(*verb, "waivers", "Waivers by day of expiry, with days left", *options);
  waivers->callback([options, &status] {
    const Policy policy = read_policy(options->file);
    const Date today = today_option(options->today);
    print(waivers_text(policy, today));
    status = any_expired(policy, today) ? 1 : 0;
  });
}

}  // namespace plumbline
