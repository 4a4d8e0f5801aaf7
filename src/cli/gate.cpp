// SPDX-License-Identifier: Apache-2.0
// `plumbline gate`: diff for continuous integration; too little compared is not a pass.
#include "gate/gate.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <filesystem>
#include <memory>

#include "cli/compare_options.h"
#include "cli/globs.h"
#include "cli/policy_options.h"
#include "cli/verbs.h"
#include "gate/earlier.h"
#include "gate/policy_file.h"

namespace plumbline {
namespace {

struct Options {
  CompareOptions compare;
  std::optional<std::string> policy;
  std::string today;
  std::optional<double> min_coverage;
  std::vector<std::string> allow_missing;
  std::string before;
};

/// A path that neither trace holds nor declares cannot be missing: allowing it would allow nothing.
void check_globs(const TracePair& traces, const std::vector<std::string>& globs) {
  std::vector<std::string> paths = known_paths(traces.reference);
  const std::vector<std::string> more = known_paths(traces.candidate);
  paths.insert(paths.end(), more.begin(), more.end());
  require_matches("plumbline gate --allow-missing", globs, paths);
}

/// The file that was named or found, or the defaults; options of the command line come on top.
Policy policy_of(const Options& options) {
  Policy policy;
  const std::optional<std::filesystem::path> file =
      options.policy ? std::filesystem::path(*options.policy) : find_policy_file(std::filesystem::current_path());
  if (file && file->string() != "none") policy = read_policy(*file);
  if (options.min_coverage) policy.min_coverage = *options.min_coverage;
  for (const std::string& glob : options.allow_missing) policy.allow_missing.push_back({glob, 0});
  return policy;
}

}  // namespace

void add_gate(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("gate", "diff for CI: also demands that enough was compared, and a policy");
  auto options = std::make_shared<Options>();
  add_compare_options(*verb, options->compare);
  verb->add_option("--policy", options->policy,
                   "Policy file, or none (default: plumbline.toml here, or above up to the repository's root)")
      ->type_name("FILE");
  add_today_option(*verb, options->today);
  verb->add_option("--min-coverage", options->min_coverage,
                   "Share of the reference's ops that must be judged (default: the policy's, else 0.98)");
  verb->add_option("--allow-missing", options->allow_missing, "Globs of taps that one side may lack")
      ->allow_extra_args(false);
  verb->add_option("--before", options->before,
                   "JSON report of the state before the change: findings that it has too are marked as not new")
      ->type_name("REPORT");
  add_values_only(*verb, options->compare);
  verb->footer(
      "Example:\n  plumbline gate ref.h5 cand.h5 --min-coverage 0.99 --allow-missing '*.x32'\n"
      "  plumbline gate ref.h5 cand.h5 --policy plumbline.toml --format github --format junit=gate.xml");
  verb->callback([options, &status] {
    const Date today = today_option(options->today);
    const Policy policy = policy_of(*options);
    options->compare.exactness = policy.kind == PolicyKind::not_worse;
    const TracePair traces = open_pair(options->compare);
    check_globs(traces, options->allow_missing);
    FindReport report = compare_traces(options->compare, traces, false);
    apply_gate(report, policy, gate_facts(traces.reference, traces.candidate), today);
    if (!options->before.empty()) mark_earlier(report, options->before);
    status = finish(report, options->compare);
  });
}

}  // namespace plumbline
