// SPDX-License-Identifier: Apache-2.0
// `plumbline diff --select` and `--exclude` on the real programs: exit status, what is printed and what is said of the
// rest.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;
using nlohmann::json;

namespace {

const std::string& reference() {
  static const std::string file = record("selection_ref.h5", {"oracle", {}, "", 16});
  return file;
}

/// At fault in layer 2 alone.
const std::string& faulty() {
  static const std::string file =
      record("selection_bad.h5", {"oracle", {"--fault", "norm.eps=1e-3@layer.2.in_norm"}, "", 16});
  return file;
}

Said diff(const std::vector<std::string>& options) {
  std::vector<std::string> arguments = {"diff", reference(), faulty()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  return call(arguments);
}

}  // namespace

TEST_CASE("a fault counts inside the selection and is named outside it") {
  struct Row {
    std::vector<std::string> options;
    int status;
    std::string says;
  };
  const Row rows[] = {
      {{}, 1, "FIRST DIVERGENCE: layer.2.in_norm (origin)"},
      {{"--select", "layer.2.*"}, 1, "FIRST DIVERGENCE: layer.2.in_norm (origin)"},
      {{"--select", "layer.0.*", "--select", "layer.1.*"}, 0, "1 finding outside the selection"},
      {{"--exclude", "layer.2.*", "--exclude", "layer.3.*", "--exclude", "final_norm", "--exclude", "logits"},
       0,
       "1 finding outside the selection"},
      {{"--select", "layer.3.*"}, 1, "error[P0207]"},
      {{"--select", "layer.*", "--exclude", "layer.2.*"}, 1, "FIRST DIVERGENCE: layer.3.in_norm (inherited)"}};
  for (const Row& row : rows) {
    const Said said = diff(row.options);
    INFO(said.out << said.err);
    CHECK(said.status == row.status);
    CHECK(said.says(row.says));
    if (row.options.empty()) continue;
    CHECK(said.says("taps selected"));
    CHECK_FALSE(said.says("segment"));
    CHECK(said.says("(100.0%)"));
  }
}

TEST_CASE("without a model the selection holds as well") {
  const Said before = diff({"--values-only", "--select", "layer.0.*", "--format", "concise"});
  INFO(before.out << before.err);
  CHECK(before.status == 0);
  CHECK(before.says("1 finding outside the selection"));
  const Said after = diff({"--values-only", "--select", "logits"});
  INFO(after.out << after.err);
  CHECK(after.status == 1);
  CHECK(after.says("FIRST DIVERGENCE: logits"));
}

TEST_CASE("JSON carries the selection, its rows only, and null without one") {
  const json whole = json::parse(diff({"--json"}).out);
  CHECK(whole["selection"].is_null());
  const json part = json::parse(diff({"--json", "--select", "layer.1.*", "--exclude", "*.attn.*"}).out);
  CHECK(part["selection"]["select"] == json({"layer.1.*"}));
  CHECK(part["selection"]["exclude"] == json({"*.attn.*"}));
  CHECK(part["selection"]["findings_outside"] == 1);
  CHECK(part["selection"]["selected_taps"] < part["selection"]["taps"]);
  CHECK(part["selection"]["ops"] == whole["ops"].size());
  CHECK(part["selection"]["selected_ops"] == part["ops"].size());
  CHECK(part["outcome"]["exit_status"] == 0);
  CHECK(part["findings"].empty());
  for (const json& row : part["ops"]) {
    CHECK(row["layer"] == 1);
    CHECK(row["op"].get<std::string>().find(".attn.") == std::string::npos);
    const auto same = std::find(whole["ops"].begin(), whole["ops"].end(), row);
    CHECK(same != whole["ops"].end());
  }
}

TEST_CASE("a glob that matches nothing, and a selection of nothing, are wrong usage") {
  for (const std::string option : {"--select", "--exclude"}) {
    const Said typo = diff({option, "layer.2.atn.q_proj"});
    INFO(typo.err);
    CHECK(typo.status == 2);
    CHECK(typo.complains("plumbline diff " + option + ": no tap matches 'layer.2.atn.q_proj'"));
    CHECK(typo.complains("layer.2.attn.q_proj"));
  }
  const Said nothing = diff({"--select", "layer.2.*", "--exclude", "*"});
  INFO(nothing.err);
  CHECK(nothing.status == 2);
  CHECK(nothing.complains("leave no tap to compare"));
  CHECK(diff({"--exclude", "*"}).status == 2);
}
