// SPDX-License-Identifier: Apache-2.0
// The recipe of the README as a CI system runs it: a folder, a script, an exit status, and the files it leaves. Green
// on parity alone.
#include <nlohmann/json.hpp>

#include <filesystem>
#include <sstream>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kRecipe = PLUMBLINE_SOURCE_DIR "/tests/cli/recipe";

/// A fresh workspace of a job: reference, policy, script.
std::string workspace(const std::string& name) {
  const std::string folder = scratch(name);
  fs::create_directories(folder);
  for (const char* file : {"gate.sh", "plumbline.toml"})
    fs::copy_file(fs::path(kRecipe) / file, fs::path(folder) / file, fs::copy_options::overwrite_existing);
  fs::copy_file(record("recipe_ref.h5", {"oracle", {}, "", 12}), folder + "/ref.h5",
                fs::copy_options::overwrite_existing);
  return folder;
}

std::string quoted(const std::string& text) { return "'" + text + "'"; }

Said job(const std::string& folder, const std::string& options, const std::string& model = model_directory()) {
  return run_program(
      "/bin/bash", {"-c", "cd " + quoted(folder) +
                              " && PATH=" PLUMBLINE_BINARY_DIR "/bin:$PATH GITHUB_STEP_SUMMARY=page.md bash gate.sh " +
                              quoted(model) + " " + options});
}

bool holds(const std::string& file, const std::string& text) {
  return fs::exists(file) && read_file(file).find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("the recipe is green on parity and leaves its reports") {
  const std::string folder = workspace("green");
  const Said said = job(folder, "");
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("::notice title=plumbline gate PARITY::"));
  CHECK(holds(folder + "/gate.xml", "failures=\"0\" errors=\"0\""));
  CHECK(holds(folder + "/page.md", "### plumbline gate: PARITY"));
  const auto report = nlohmann::json::parse(read_file(folder + "/gate.json"));
  CHECK(report["outcome"]["exit_status"] == 0);
  CHECK(report["policy"]["file"].get<std::string>().ends_with("plumbline.toml"));
  CHECK(report["policy"]["suite"] == "qwen3-tiny-bf16");
}

TEST_CASE("the recipe is not green on anything else, and its reports say why") {
  struct Row {
    const char* what;
    std::string options;
    int status;
    std::string annotation, junit;
  };
  const Row rows[] = {
      {"a fault", "--fault rope.theta=1e4@layer.1", 1,
       "::error title=P0201 layer.1.attn.q_rope::", "<failure type=\"P0201\""},
      {"a kernel of another contract", "--kernel qkv=single", 1,
       "::error title=P0203 layer.0.in_norm::", "<failure type=\"P0203\""},
      {"another kernel of the same contract", "--kernel qkv=unfused", 1,
       "::error title=P0504::", "<failure type=\"P0504\""},
      {"a tap that is missing", "--taps 'layer.*'", 3, "::error title=P0502::", "<error type=\"P0502\""},
      {"next to nothing recorded", "--taps logits", 3, "::error title=P0502::", "<error type=\"P0502\""},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const std::string folder = workspace("red");
    fs::remove(folder + "/page.md");
    const Said said = job(folder, row.options);
    INFO(said.out << said.err);
    CHECK(said.status == row.status);
    CHECK(said.says(row.annotation));
    CHECK(holds(folder + "/gate.xml", row.junit));
    CHECK(holds(folder + "/page.md", row.status == 1 ? "DIVERGENCE" : "INCONCLUSIVE"));
  }
}

TEST_CASE("the reference in the candidate's place equals itself and is refused") {
  const std::string reference = record("recipe_ref.h5", {"oracle", {}, "", 12});
  const std::string policy = std::string(kRecipe) + "/plumbline.toml";
  const Said said = call({"gate", reference, reference, "--policy", policy});
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.says("run with backend 'oracle'"));
  CHECK(call({"gate", reference, reference, "--policy", "none"}).status == 0);
}

TEST_CASE("the recipe is not green if nothing ran, whatever an earlier job left") {
  const std::string folder = workspace("earlier");
  REQUIRE(job(folder, "").status == 0);
  REQUIRE(holds(folder + "/gate.xml", "failures=\"0\""));
  const Said no_model = job(folder, "", scratch("no_such_model"));
  INFO(no_model.out << no_model.err);
  CHECK(no_model.status == 2);
  CHECK_FALSE(fs::exists(folder + "/gate.xml"));
  CHECK_FALSE(fs::exists(folder + "/cand.h5"));
  fs::remove(folder + "/ref.h5");
  CHECK(job(folder, "").status == 2);
  const std::string broken = workspace("broken_policy");
  write_file(broken + "/plumbline.toml", "schema = \"plumbline-policy/1\"\n[suite]\nmin_covrage = 1\n");
  const Said refused = job(broken, "");
  CHECK(refused.status == 2);
  CHECK(refused.complains("did you mean 'min_coverage'"));
  CHECK_FALSE(fs::exists(broken + "/cand.h5"));
}

TEST_CASE("the README shows the commands of this recipe") {
  const std::string readme = read_file(PLUMBLINE_SOURCE_DIR "/README.md"),
                    script = read_file(std::string(kRecipe) + "/gate.sh");
  const size_t begin = readme.find("<!-- recipe"), end = readme.find("<!-- end of recipe -->");
  REQUIRE(begin != std::string::npos);
  REQUIRE(end != std::string::npos);
  std::istringstream lines(readme.substr(begin, end - begin));
  int commands = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("plumbline ")) continue;
    ++commands;
    INFO(line);
    CHECK(script.find(line) != std::string::npos);
  }
  CHECK(commands == 3);
}
