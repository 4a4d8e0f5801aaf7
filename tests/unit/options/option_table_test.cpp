// SPDX-License-Identifier: Apache-2.0
// What the table says of a parser, and that it survives its way through JSON.
#include <CLI/CLI.hpp>

#include <plumbline/error.h>

#include "options/option_table.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

struct Parser {
  CLI::App app{"Does something", "tool"};
  std::string file, device = "cpu";
  int rows = 10;
  bool force = false;
  std::vector<std::string> taps;

  Parser() {
    CLI::App* verb = app.add_subcommand("look", "Look at a file");
    verb->add_option("FILE", file, "What to look at")->required();
    verb->add_option("-n,--rows", rows, "How many rows")->check(CLI::Range(0, 9));
    verb->add_option("--device", device, "Where")->check(CLI::IsMember({"cpu", "cuda"}));
    verb->add_option("--taps", taps, "Globs")->type_name("GLOB")->allow_extra_args(false);
    verb->add_flag("--no-force", force, "Carefully");
    verb->add_flag("--hidden", force, "Not for people")->group("");
    verb->footer("Example: look");
    verb->add_subcommand("closer", "Look closer");
  }
  VerbRow verb() const { return option_table(app).verbs.at(0); }
};

const OptionRow& row(const VerbRow& verb, const std::string& name) {
  for (const OptionRow& each : verb.options)
    if (each.names.back() == name) return each;
  throw std::out_of_range(name);
}

}  // namespace

TEST_CASE("the table has a row for every option that people see, with its twin") {
  const VerbRow verb = Parser().verb();
  CHECK(verb.name == "look");
  CHECK(verb.footer == "Example: look");
  CHECK(verb.verbs.at(0).name == "closer");
  CHECK(verb.options.size() == 6);  // --help and the five that are not hidden
  CHECK(row(verb, "--help").environment.empty());

  const OptionRow file = row(verb, "FILE");
  CHECK(file.positional);
  CHECK(file.required);
  CHECK_FALSE(file.flag());
  CHECK(file.environment.empty());

  const OptionRow rows = row(verb, "--rows");
  CHECK(rows.names == std::vector<std::string>{"-n", "--rows"});
  CHECK(rows.value == "INT");
  CHECK(rows.environment == "PLUMBLINE_ROWS");
  CHECK_FALSE(rows.repeatable);

  CHECK(row(verb, "--device").choices == std::vector<std::string>{"cpu", "cuda"});
  CHECK(row(verb, "--device").value == "cpu|cuda");
  CHECK(row(verb, "--taps").value == "GLOB");
  CHECK(row(verb, "--taps").repeatable);
  CHECK(row(verb, "--no-force").flag());
  CHECK(row(verb, "--no-force").environment == "PLUMBLINE_NO_FORCE");
}

TEST_CASE("a table goes through JSON unchanged; what is none is an InputError") {
  const VerbRow table = option_table(Parser().app);
  const std::string json = table_json(table);
  CHECK(table_json(table_from_json(json)) == json);
  CHECK(row(table_from_json(json).verbs.at(0), "--rows").environment == "PLUMBLINE_ROWS");
  for (const std::string text : {"", "{}", "[1, 2]", R"({"name": 3})", "{\"name\": \"x\", \"text\""}) {
    INFO(text);
    CHECK_THROWS_AS(table_from_json(text), InputError);
  }
}

}  // namespace plumbline::test
