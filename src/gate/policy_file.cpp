// SPDX-License-Identifier: Apache-2.0
// The sections of a policy file, and what each may hold.
#include "gate/policy_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <plumbline/contract.h>
#include <plumbline/error.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "core/printable.h"
#include "gate/toml_section.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

constexpr std::string_view kSchema = "plumbline-policy/1";
constexpr size_t kMostPolicyBytes = size_t{1} << 20;  ///< keeps an endless source from filling the memory
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Tap paths and names of ops hold none of these; whoever writes them expects another kind of pattern.
void check_glob(const std::string& file, const Pattern& pattern, bool may_be_all) {
  const auto complain = [&](const std::string& what, const std::string& way_out) {
    throw InputError(fmt::format("{}:{}: '{}' {}", file, pattern.line, printable_text(pattern.glob), what), {},
                     way_out);
  };
  if (pattern.glob.empty()) complain("matches nothing", "name a path, for example 'layer.*.attn.q_rope'");
  if (pattern.glob.find_first_of("[]{}()|^$+\\/ \t\n") != std::string::npos)
    complain("is no glob over tap paths", "globs know * and ?; paths are dotted: 'layer.*.attn.q_rope'");
  if (!may_be_all && pattern.glob.find_first_not_of("*?.") == std::string::npos)
    complain("matches every op", "name the op that is meant, for example 'layer.*.attn.softmax'");
}

std::vector<Pattern> globs(const Section& section, const std::string& file, std::string_view key) {
  std::vector<Pattern> out = section.texts(key);
  for (const Pattern& pattern : out) check_glob(file, pattern, true);
  return out;
}

std::vector<std::string> contracts(const Section& section, const std::string& file, std::string_view key) {
  std::vector<std::string> out, known;
  for (const Contract& contract : all_contracts()) known.emplace_back(contract.name);
  for (const Pattern& name : section.texts(key)) {
    if (std::find(known.begin(), known.end(), name.glob) == known.end()) {
      const std::vector<std::string> near = near_misses(name.glob, known, 1);
      throw InputError(fmt::format("{}:{}: no contract '{}'", file, name.line, printable_text(name.glob)),
                       {fmt::format("there are  {}", fmt::join(known, ", "))},
                       near.empty() ? "" : fmt::format("did you mean '{}'?", near.front()));
    }
    out.push_back(name.glob);
  }
  return out;
}

/// Wider than what the contract implies: someone has to say why.
bool loosens(const Rule& rule) {
  return rule.limits[kOwnShare].value_or(0.0) > 1.0 || rule.limits[kMismatch].has_value() ||
         (rule.contracts && !rule.contracts->empty());
}

Rule rule_of(const Section& section, const std::string& file) {
  Rule rule;
  rule.line = section.line();
  for (size_t kind = 0; kind < kLimitKinds.size(); ++kind)
    rule.limits[kind] =
        section.number(kLimitKinds[kind].key, 0.0, kLimitKinds[kind].key == "own_share" ? 1e6 : kInfinity);
  if (section.has("contracts")) rule.contracts = contracts(section, file, "contracts");
  rule.why = section.text("why").value_or("");
  if (loosens(rule) && rule.why.empty())
    section.refuse_key("why", "is missing",
                       "own_share above 1, mismatch and contracts widen what the contract implies: say why");
  return rule;
}

Rule limits_of(const toml::table& table, const std::string& file) {
  const Section section(table, file, "limits",
                        {"own_share", "mismatch", "unequal", "max_abs", "total", "contracts", "why"});
  return rule_of(section, file);
}

Rule matching_rule(const toml::table& table, const std::string& file) {
  const Section section(table, file, "rule",
                        {"match", "own_share", "mismatch", "unequal", "max_abs", "total", "contracts", "why"});
  Rule rule = rule_of(section, file);
  rule.match = section.required_text("match");
  check_glob(file, {rule.match, section.line_of("match")}, true);
  const bool idle = std::none_of(rule.limits.begin(), rule.limits.end(), [](const auto& limit) { return limit; });
  if (idle && !rule.contracts)
    section.refuse_key("match", "stands in a rule that sets nothing", "give it a limit or contracts");
  return rule;
}

std::string code_of(const Section& section) {
  const std::string code = section.required_text("code");
  std::vector<std::string> known;
  for (const CodePage& page : code_pages())
    if (can_be_waived(page.code)) known.emplace_back(page.code);
  if (can_be_waived(code)) return code;
  const std::string list = fmt::format("codes that can be waived: {}", fmt::join(known, ", "));
  section.refuse_key("code",
                     find_code_page(code) == nullptr ? fmt::format("is '{}': there is no such code", code)
                                                     : fmt::format("is {}, which cannot be waived", code),
                     list);
}

Waiver waiver_of(const toml::table& table, const std::string& file) {
  const Section section(table, file, "waiver",
                        {"id", "match", "code", "ceiling", "reason", "owner", "issue", "expires"});
  Waiver waiver;
  waiver.line = section.line();
  waiver.id = section.required_text("id");
  waiver.match = section.required_text("match");
  check_glob(file, {waiver.match, section.line_of("match")}, false);
  waiver.code = code_of(section);
  waiver.ceiling = section.required_number("ceiling", 0.0, kInfinity);
  waiver.reason = section.required_text("reason");
  waiver.owner = section.required_text("owner");
  waiver.issue = section.text("issue").value_or("");
  waiver.expires = section.required_date("expires");
  return waiver;
}

PolicyKind kind_of(const Section& section) {
  const std::string given = section.text("policy").value_or("parity");
  for (const PolicyKind kind : {PolicyKind::parity, PolicyKind::not_worse})
    if (given == policy_kind_name(kind)) return kind;
  section.refuse_key("policy", fmt::format("is '{}'", given), "it can be 'parity' or 'not-worse'");
}

void read_suite(const toml::table& table, const std::string& file, Policy& policy) {
  const Section section(table, file, "suite",
                        {"name", "policy", "min_coverage", "required_taps", "allow_missing", "notice_days"});
  policy.suite = section.text("name").value_or("");
  policy.kind = kind_of(section);
  policy.kind_line = section.line_of("policy");
  policy.min_coverage = section.number("min_coverage", 0.0, 1.0).value_or(policy.min_coverage);
  policy.required_taps = globs(section, file, "required_taps");
  policy.allow_missing = globs(section, file, "allow_missing");
  policy.notice_days = static_cast<int>(section.number("notice_days", 0.0, 3650.0).value_or(policy.notice_days));
}

void read_field(const Section& section, std::string_view key, const std::string& field, Policy& policy) {
  if (!section.has(key)) return;
  for (const Pattern& pattern : section.texts(key)) policy.candidate[field].allowed.push_back(pattern.glob);
  policy.candidate[field].line = section.line_of(key);
}

/// The run of the candidate: the environment holds whatever the run recorded, so its keys are free.
void read_candidate(const toml::table& table, const std::string& file, Policy& policy) {
  const Section section(table, file, "candidate", {"backend", "device", "environment"});
  for (const char* field : {"backend", "device"}) read_field(section, field, field, policy);
  if (!section.has("environment")) return;
  const toml::table* environment = table.get("environment")->as_table();
  if (environment == nullptr) section.refuse_key("environment", "must be a table");
  std::vector<std::string> keys;
  for (const auto& [key, value] : *environment) keys.emplace_back(key.str());
  const Section free(*environment, file, "candidate.environment", keys);
  for (const std::string& key : keys) read_field(free, key, "environment." + key, policy);
}

template <class Read>
void each_table(const toml::table& root, const std::string& file, std::string_view key, Read read) {
  const toml::node* node = root.get(key);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  if (list == nullptr) refuse(file, *node, fmt::format("'{}' must be spelled [[{}]]", key, key), "");
  for (const toml::node& item : *list) {
    if (!item.is_table()) refuse(file, item, fmt::format("'{}' must be spelled [[{}]]", key, key), "");
    read(*item.as_table());
  }
}

const toml::table* table_at(const toml::table& root, const std::string& file, std::string_view key) {
  const toml::node* node = root.get(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) refuse(file, *node, fmt::format("'{}' must be spelled [{}]", key, key), "");
  return node->as_table();
}

void check_ids(const Policy& policy) {
  for (size_t i = 0; i < policy.waivers.size(); ++i)
    for (size_t k = 0; k < i; ++k)
      if (policy.waivers[i].id == policy.waivers[k].id)
        throw InputError(fmt::format("{}: waiver '{}' stands there twice", policy.at(policy.waivers[i].line),
                                     printable_text(policy.waivers[i].id)),
                         {fmt::format("first  line {}", policy.waivers[k].line)}, "give each its own id");
}

std::string read_text(const std::filesystem::path& file) {
  std::error_code none;
  std::ifstream stream(file, std::ios::binary);
  if (!stream || std::filesystem::is_directory(file, none))
    throw InputError(fmt::format("cannot read the policy {}", file.string()), {},
                     "give its file: --policy FILE, or none: --policy none");
  std::string text(kMostPolicyBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kMostPolicyBytes)
    throw InputError(fmt::format("cannot read the policy {}: it is larger than 1 MiB", file.string()), {},
                     "give its file: --policy FILE, or none: --policy none");
  return text;
}

toml::table parsed(const std::string& text, const std::string& file) {
  try {
    return toml::parse(std::string_view(text), std::string_view(file));
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    throw InputError(fmt::format("{}:{}: no TOML: {}", file, at.line, printable_text(error.description())),
                     {fmt::format("column  {}", at.column)}, "");
  }
}

}  // namespace

Policy read_policy(const std::filesystem::path& path) {
  const std::string file = path.string();
  const toml::table root = parsed(read_text(path), file);
  const Section top(root, file, "", {"schema", "suite", "limits", "candidate", "rule", "waiver"});
  if (top.required_text("schema") != kSchema)
    top.refuse_key("schema", fmt::format("is '{}'", *top.text("schema")),
                   fmt::format("this version reads '{}'", kSchema));
  Policy policy;
  policy.file = path;
  if (const toml::table* suite = table_at(root, file, "suite")) read_suite(*suite, file, policy);
  if (const toml::table* candidate = table_at(root, file, "candidate")) read_candidate(*candidate, file, policy);
  if (const toml::table* limits = table_at(root, file, "limits")) policy.rules.push_back(limits_of(*limits, file));
  each_table(root, file, "rule", [&](const toml::table& table) { policy.rules.push_back(matching_rule(table, file)); });
  each_table(root, file, "waiver", [&](const toml::table& table) { policy.waivers.push_back(waiver_of(table, file)); });
  check_ids(policy);
  return policy;
}

}  // namespace plumbline
