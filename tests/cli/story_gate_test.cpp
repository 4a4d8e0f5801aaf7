// SPDX-License-Identifier: Apache-2.0
// The gate of a release on a machine without a GPU, as its owner meets it: every defect of the other stories is red
// with its tap in the annotation, limits are widened by nobody without name, reason and day, and a change is not blamed
// for what was red before it.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline::test;
namespace fs = std::filesystem;

namespace {

std::string reference() { return record("stored_ref.h5", {"oracle", {}, "", 12}); }

std::string candidate(const std::string& name, const std::vector<std::string>& options) {
  return record(name, {"twin", options, "", 12});
}

std::string policy(const std::string& name, const std::string& text) {
  const std::string file = scratch(name);
  write_file(file, "schema = \"plumbline-policy/1\"\n" + text);
  return file;
}

/// As Markdown has a name: its underscores must not mean italics.
std::string marked_up(const std::string& name) {
  std::string out;
  for (const char c : name) out += c == '_' ? std::string("&#95;") : std::string(1, c);
  return out;
}

constexpr const char* kOld = "norm.eps=1e-3@layer.2.in_norm";
constexpr const char* kNew = "kernel.scaled@layer.1.attn.v_proj";

}  // namespace

TEST_CASE("every defect of the stories is red, its op in the annotation and in the comment") {
  struct Row {
    std::vector<std::string> options;
    std::string title, op;
  };
  const Row rows[] = {
      {{"--fault", "rope.interleaved@layer.0"}, "P0201", "layer.0.attn.q_rope"},
      {{"--fault", "norm.weight_offset@final_norm"}, "P0201", "final_norm"},
      {{"--kernel", "qkv=single@layer.1"}, "P0203", "layer.1.in_norm"},
      {{"--fault", "kernel.rows_unwritten=2@layer.1.mlp.gate_proj"}, "P0201", "layer.1.mlp.gate_proj"},
      {{"--fault", "kernel.scaled@layer.2.attn.q_proj"}, "P0201", "layer.2.attn.q_proj"},
  };
  const std::string comment = scratch("comment.md");
  int number = 0;
  for (const Row& row : rows) {
    INFO(row.op);
    const Said said = call({"gate", reference(), candidate("red" + std::to_string(number++) + ".h5", row.options),
                            "--allow-missing", "*.in_norm.n", "--format", "github", "--format", "md=" + comment});
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    CHECK(said.says("::error title=" + row.title + " " + row.op + "::"));
    CHECK(read_file(comment).find("<code>" + marked_up(row.op) + "</code>") != std::string::npos);
  }
}

TEST_CASE("a limit is widened only with a reason, a finding passes only with owner, reason and day") {
  const std::string good =
      "[[waiver]]\nid = \"W-1\"\nmatch = \"layer.2.in_norm\"\ncode = \"P0201\"\nceiling = 9999\n"
      "owner = \"@kim\"\nreason = \"until v2\"\nexpires = 2027-01-31\n";
  const std::string faulty = candidate("old.h5", {"--fault", kOld});
  for (const std::string key : {"owner", "reason", "expires"}) {
    INFO(key);
    const size_t at = good.find(key + " = "), end = good.find('\n', at);
    const std::string file = policy("lacking.toml", good.substr(0, at) + good.substr(end + 1));
    const Said said = call({"gate", reference(), faulty, "--policy", file});
    CHECK(said.status == 2);
    CHECK(said.complains(key));
  }
  const Said loosened = call({"gate", reference(), faulty, "--policy",
                              policy("loose.toml", "[[rule]]\nmatch = \"layer.2.in_norm\"\nown_share = 1e6\n")});
  CHECK(loosened.status == 2);
  CHECK(loosened.complains("why"));
  const std::string waived = policy("waived.toml", good);
  CHECK(call({"gate", reference(), faulty, "--policy", waived, "--today", "2027-01-31"}).status == 0);
  CHECK(call({"gate", reference(), faulty, "--policy", waived, "--today", "2027-02-01"}).status == 1);
}

TEST_CASE("a run that fell back to the reference's own backend, or lacks a tap, is not green") {
  const std::string file = policy("backend.toml", "[candidate]\nbackend = [\"cuda\", \"twin\"]\n");
  const std::string fell_back = record("fell_back.h5", {"oracle", {"--threads", "1"}, "", 12});
  const Said said = call({"gate", reference(), fell_back, "--policy", file});
  CHECK(said.status == 1);
  CHECK(said.tells("run with backend 'oracle', which the policy does not allow"));
  const std::string lacking = candidate("lacking.h5", {"--taps", "layer.0.*", "--taps", "logits"});
  CHECK(call({"gate", reference(), lacking, "--policy", file}).status == 3);
}

TEST_CASE("what was red before the change is called so, what is new or has grown is not, and all of it stays red") {
  const std::string before = scratch("before.json");
  REQUIRE(call({"gate", reference(), candidate("old.h5", {"--fault", kOld}), "--format", "json=" + before}).status ==
          1);
  const auto gate = [&](const std::string& file) { return call({"gate", reference(), file, "--before", before}); };
  const Said same = gate(candidate("old_again.h5", {"--fault", kOld, "--threads", "1"}));
  INFO(same.out << same.err);
  CHECK(same.status == 1);
  CHECK(same.tells("0 of 1 findings are new, 1 is in " + before + " already"));
  CHECK(same.tells("not from this change: "));
  const Said added = gate(candidate("added.h5", {"--fault", kOld, "--fault", kNew}));
  INFO(added.out << added.err);
  CHECK(added.status == 1);
  CHECK(added.tells("1 of 2 findings is new"));
  const Said grown = gate(candidate("grown.h5", {"--fault", "norm.eps=1e-1@layer.2.in_norm"}));
  CHECK(grown.tells("larger than before the change"));
  CHECK_FALSE(grown.tells("not from this change"));
  CHECK_FALSE(gate(candidate("sound.h5", {})).tells("findings"));
  const Said refused =
      call({"gate", reference(), candidate("old.h5", {}), "--before", model_directory() + "/config.json"});
  CHECK(refused.status == 2);
  CHECK(refused.complains("is no report to compare with"));
}
