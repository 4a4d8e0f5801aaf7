// SPDX-License-Identifier: Apache-2.0
// `--format` on the real programs: several in one run, the stream or file each was asked for, and nothing else there.
#include <nlohmann/json.hpp>

#include <filesystem>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline::test;
namespace fs = std::filesystem;

namespace {

std::string reference() { return record("ref.h5", {"oracle", {}, "", 8}); }
std::string faulty() { return record("faulty.h5", {"twin", {"--fault", "rope.theta=1e4@layer.1"}, "", 8}); }

}  // namespace

TEST_CASE("one run writes several formats, and all tell of the same divergence") {
  const std::string op = "layer.1.attn.q_rope";
  for (const char* verb : {"find", "diff", "gate"}) {
    std::vector<std::string> arguments{verb, reference(), faulty(), "--format", "github"};
    const std::pair<std::string, std::string> files[] = {{"json", "a.json"},   {"jsonl", "a.jsonl"},
                                                         {"md", "a.md"},       {"junit", "a.xml"},
                                                         {"concise", "a.txt"}, {"full", "full.txt"}};
    for (const auto& [format, name] : files)
      arguments.insert(arguments.end(), {"--format", format + "=" + scratch(name)});
    const Said said = call(arguments);
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    CHECK(said.err.empty());
    CHECK(said.out.starts_with("::error title=P0201 " + op + "::"));
    CHECK_FALSE(said.says("FIRST DIVERGENCE"));
    const auto report = nlohmann::json::parse(read_file(scratch("a.json")));
    CHECK(report["outcome"]["first_divergence"] == op);
    CHECK(report["verb"] == verb);
    CHECK(read_file(scratch("full.txt")).find("FIRST DIVERGENCE: " + op) != std::string::npos);
    CHECK(read_file(scratch("a.txt")).find(op + ": error[P0201]") != std::string::npos);
    CHECK(read_file(scratch("a.xml")).find("<failure type=\"P0201\"") != std::string::npos);
    CHECK(read_file(scratch("a.md")).find("### plumbline " + std::string(verb) + ": DIVERGENCE") == 0);
    CHECK(read_file(scratch("a.jsonl")).find("{\"$type\":\"end\",\"exit_status\":1") != std::string::npos);
  }
}

TEST_CASE("standard output carries the full text unless another format is asked for there") {
  const Said beside = call({"find", reference(), faulty(), "--format", "junit=" + scratch("beside.xml")});
  CHECK(beside.says("FIRST DIVERGENCE"));
  const Said concise = call({"find", reference(), faulty(), "--format=concise"});
  CHECK(concise.says("error[P0201]"));
  CHECK_FALSE(concise.says("FIRST DIVERGENCE"));
  CHECK(call({"find", reference(), faulty(), "--json"}).out ==
        call({"find", reference(), faulty(), "--format", "json"}).out);
}

TEST_CASE("a format that cannot be written as asked is 2 before anything is compared") {
  fs::create_directories(scratch("folder"));
  struct Row {
    std::vector<std::string> options;
    std::string complaint;
  };
  const Row rows[] = {
      {{"--format", "jnit"}, "did you mean 'junit'"},
      {{"--format", "json="}, "names no file"},
      {{"--format", "json", "--format", "github"}, "cannot share standard output"},
      {{"--json", "--format", "junit"}, "cannot share standard output"},
      {{"--format", "json=" + reference()}, "would overwrite a trace"},
      {{"--format", "json=" + scratch("same"), "--format", "md=" + scratch("same")}, "names one file twice"},
      {{"--format", "json=" + scratch("no/such/folder")}, "no/such/folder"},
      {{"--format", "json=" + scratch("folder")}, "folder"},
      {{"--format", "json=/dev/full"}, "No space left"},
  };
  const std::string before = read_file(reference());
  for (const Row& row : rows) {
    std::vector<std::string> arguments{"find", reference(), faulty()};
    arguments.insert(arguments.end(), row.options.begin(), row.options.end());
    const Said said = call(arguments);
    INFO(said.out << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(row.complaint));
  }
  CHECK(read_file(reference()) == before);
}

TEST_CASE("an older report stands until the new one is whole") {
  const std::string file = scratch("old.json");
  write_file(file, "old");
  fs::create_directories(file + ".part");  // the new one cannot be begun
  CHECK(call({"find", reference(), faulty(), "--format", "json=" + file}).status == 2);
  CHECK(read_file(file) == "old");
  fs::remove(file + ".part");
  CHECK(call({"find", reference(), faulty(), "--format", "json=" + file}).status == 1);
  CHECK(read_file(file).starts_with("{"));
  CHECK_FALSE(fs::exists(file + ".part"));
}
