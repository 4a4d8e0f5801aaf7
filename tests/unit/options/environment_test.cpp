// SPDX-License-Identifier: Apache-2.0
// Which variables speak in a command line, and which are refused.
#include "options/environment.h"

#include <map>

#include <plumbline/error.h>

#include "support/catch.h"

namespace plumbline::test {
namespace {

VerbRow verb() {
  VerbRow verb;
  OptionRow rows, force, file;
  rows.names = {"-n", "--rows"};
  rows.value = "INT";
  rows.environment = "PLUMBLINE_ROWS";
  force.names = {"--force"};
  force.environment = "PLUMBLINE_FORCE";
  file.names = {"FILE"};
  file.positional = true;
  verb.options = {rows, force, file};
  return verb;
}

using Words = std::vector<std::string>;

EnvironmentTwins twins(const Words& arguments, const std::map<std::string, std::string>& variables) {
  return environment_twins(verb(), arguments, [&](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

}  // namespace

TEST_CASE("a variable stands for its option unless the command line gives it") {
  const std::map<std::string, std::string> set = {{"PLUMBLINE_ROWS", "7"}, {"FILE", "x"}};
  struct Row {
    Words arguments, expected;
  };
  const Row rows[] = {
      {{"a.h5"}, {"--rows=7"}},
      {{"--rows", "3"}, {}},
      {{"--rows=3"}, {}},
      {{"-n", "3"}, {}},
      {{"-n3"}, {}},
      {{"--row"}, {"--rows=7"}},
      {{"--", "--rows", "3"}, {"--rows=7"}},
  };
  for (const Row& row : rows) {
    INFO(row.arguments.front());
    CHECK(twins(row.arguments, set).arguments == row.expected);
  }
  CHECK(twins({}, set).used == Words{"PLUMBLINE_ROWS=7"});
  CHECK(twins({}, {{"PLUMBLINE_ROWS", ""}}).arguments.empty());
}

TEST_CASE("a flag's variable says yes or no, and anything else is refused by name") {
  for (const std::string yes : {"1", "true", "yes", "on"})
    CHECK(twins({}, {{"PLUMBLINE_FORCE", yes}}).arguments == Words{"--force"});
  for (const std::string no : {"0", "false", "no", "off", ""})
    CHECK(twins({}, {{"PLUMBLINE_FORCE", no}}).arguments.empty());
  CHECK_THROWS_WITH(twins({}, {{"PLUMBLINE_FORCE", "maybe"}}),
                    Catch::Contains("PLUMBLINE_FORCE") && Catch::Contains("'maybe'"));
  CHECK_NOTHROW(twins({"--force"}, {{"PLUMBLINE_FORCE", "maybe"}}));
}

}  // namespace plumbline::test
