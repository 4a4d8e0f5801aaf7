// SPDX-License-Identifier: Apache-2.0
// `plumbline repro`: what it writes replays an op without plumbline, and comes to the same figures.
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace plumbline::test;
using nlohmann::json;

namespace {

/// One op of every kind, and a second norm: by heads.
const std::vector<std::string> kOps = {"embed",
                                       "rope.table",
                                       "layer.1.in_norm",
                                       "layer.1.attn.q_proj",
                                       "layer.1.attn.q_norm",
                                       "layer.1.attn.q_heads",
                                       "layer.1.attn.q_rope",
                                       "layer.1.attn.k_cache",
                                       "layer.1.attn.scores_raw",
                                       "layer.1.attn.scores_scaled",
                                       "layer.1.attn.scores_masked",
                                       "layer.1.attn.softmax",
                                       "layer.1.attn.ctx",
                                       "layer.1.attn.ctx_merged",
                                       "layer.1.resid1",
                                       "layer.1.mlp.act",
                                       "layer.1.mlp.mul"};

Said repro(const std::string& reference, const std::string& candidate, const std::string& op,
           const std::string& directory, const std::vector<std::string>& more = {}) {
  std::vector<std::string> all = {"repro", reference, candidate, "--op", op, "-o", directory};
  all.insert(all.end(), more.begin(), more.end());
  return call(all);
}

/// Runs the written program; its exit status says whether it agrees with plumbline's own replay.
Said replayed(const std::string& directory) { return run_program(PLUMBLINE_NUMPY_PYTHON, {directory + "/replay.py"}); }

bool has_numpy() { return run_program("/usr/bin/env", {PLUMBLINE_NUMPY_PYTHON, "-c", "import numpy"}).status == 0; }

double own_error(const Said& said, const std::string& side) {
  const std::string label = "own error of the " + side + ": ";
  const size_t at = said.out.find(label);
  REQUIRE(at != std::string::npos);
  return std::stod(said.out.substr(at + label.size()));
}

/// Own errors of the candidate as find gives them, by op.
std::map<std::string, double> own_errors(const std::string& reference, const std::string& candidate) {
  const json report = json::parse(call({"find", reference, candidate, "--json"}).out);
  std::map<std::string, double> errors;
  for (const json& row : report.at("ops"))
    if (const json& own = row.at("metrics").at("own"); own.is_number()) errors[row.at("op")] = own.get<double>();
  return errors;
}

void check_all(const std::vector<std::string>& ops, const std::string& name, const std::string& reference,
               const std::string& candidate) {
  const std::map<std::string, double> expected = own_errors(reference, candidate);
  for (const std::string& op : ops) {
    if (!expected.contains(op)) continue;  // a family without norms by heads
    INFO(op);
    const std::string directory = scratch(name + "_" + op);
    const Said written = repro(reference, candidate, op, directory);
    INFO(written.err);
    REQUIRE(written.status == 0);
    for (const char* file : {"op.json", "tensors.safetensors", "replay.py", "README.md"})
      CHECK(std::filesystem::exists(directory + "/" + file));
    if (!has_numpy()) continue;
    const Said said = replayed(directory);
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(own_error(said, "candidate") == Approx(expected.at(op)).epsilon(1e-6).margin(1e-15));
  }
}

}  // namespace

TEST_CASE("for every kind of op the written program comes to find's own error") {
  check_all(kOps, "plain", record("ref.h5", {"oracle", {}, "", 9}),
            record("cand.h5", {"twin", {"--fault", "norm.eps=1e-3@layer.1.in_norm"}, "", 9}));
}

TEST_CASE("other contracts, pairings, head maps, biases and scaled frequencies are replayed too") {
  TinyModelOptions options;
  options.llama = true;
  options.attention_bias = true;
  options.rope_scaling = plumbline::RopeScaling{8.0, 1.0, 4.0, 64.0};
  const TempDirectory model = write_tiny_model(options);
  std::vector<std::string> faults;
  for (const char* fault : {"norm.single_rounding@layer.1.in_norm", "rope.interleaved@layer.1", "gqa.map@layer.1"})
    faults.insert(faults.end(), {"--fault", fault});
  const std::string other = record("other.h5", {"oracle", faults, model.path().string(), 9});
  const std::vector<std::string> ops = {"rope.table",          "layer.1.in_norm",         "layer.1.attn.q_proj",
                                        "layer.1.attn.q_rope", "layer.1.attn.scores_raw", "layer.1.attn.ctx"};
  check_all(ops, "other", other, record("right.h5", {"oracle", {}, model.path().string(), 9}));
}

TEST_CASE("a decode step brings its cache along") {
  const std::vector<std::string> steps = {"--prefill", "5"};
  const std::string reference = record("ref_steps.h5", {"oracle", steps, "", 8});
  const std::string candidate = record("cand_steps.h5", {"twin", steps, "", 8});
  for (const std::string op : {"layer.2.attn.k_cache", "layer.2.attn.scores_masked"}) {
    INFO(op);
    REQUIRE(repro(reference, candidate, op, scratch("step_" + op), {"--step", "2"}).status == 0);
    if (has_numpy()) CHECK(replayed(scratch("step_" + op)).status == 0);
  }
  CHECK(repro(reference, candidate, "embed", scratch("step_9"), {"--step", "9"}).status == 2);
}

TEST_CASE("where no cause fits, find gives the command that takes the op out") {
  const std::string reference = record("ref.h5", {"oracle", {}, "", 9});
  const std::string candidate =
      record("odd.h5", {"twin", {"--fault", "kernel.missing_barrier@layer.3.attn.o_proj"}, "", 9});
  const Said said = call({"find", reference, candidate, "--json"});
  const json first = json::parse(said.out)["findings"][0];
  INFO(first.dump(1));
  const std::string command = "`plumbline repro " + reference + " " + candidate + " --model " + model_directory() +
                              " --op layer.3.attn.o_proj -o layer.3.attn.o_proj`";
  CHECK(first["help"].dump().find(command) != std::string::npos);
}

TEST_CASE("what cannot be taken out is refused with the way out") {
  const std::string reference = record("ref.h5", {"oracle", {}, "", 9});
  const std::string sparse = record("sparse.h5", {"oracle", {"--taps", "layer.*.resid*", "--taps", "logits"}, "", 9});
  const Said unknown = repro(reference, reference, "layer.1.attn.q_ropes", scratch("unknown"));
  CHECK(unknown.status == 2);
  CHECK(unknown.complains("layer.1.attn.q_rope"));
  const Said missing = repro(reference, sparse, "layer.1.attn.q_rope", scratch("missing"));
  CHECK(missing.status == 2);
  CHECK(missing.complains("was not recorded on both sides"));
  CHECK_FALSE(std::filesystem::exists(scratch("missing")));
  REQUIRE(repro(reference, reference, "embed", scratch("twice")).status == 0);
  const Said twice = repro(reference, reference, "embed", scratch("twice"));
  CHECK(twice.status == 2);
  CHECK(twice.complains("exists"));
}
