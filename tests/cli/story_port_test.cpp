// SPDX-License-Identifier: Apache-2.0
// A port of a model into another engine, as its author meets it: her dump is a plain HDF5 file with f32 for bf16 and no
// batch axis, her rotation pairs neighbouring channels where the model pairs halves. One command has to say what is
// equal, where it goes wrong first, why, and what is not her fault.
#include <cmath>
#include <nlohmann/json.hpp>

#include <plumbline/dtype.h>

#include "cli/foreign_copy.h"
#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline::test;
using nlohmann::json;

namespace {

constexpr int kTokens = 24;

std::string reference() { return record("hf.h5", {"oracle", {}, "", kTokens}); }

/// What her engine writes, from our kernels with these faults.
std::string dump(const std::string& name, const std::vector<std::string>& faults, ForeignForm form = {}) {
  Recording recording{"twin", {}, "", kTokens};
  for (const std::string& fault : faults) recording.options.insert(recording.options.end(), {"--fault", fault});
  form.widened = true;
  form.batch = BatchAxis::left_out;
  return foreign_copy(record("run_" + name, recording), name, form);
}

std::vector<std::string> compare(const std::string& file) {
  return {"find", reference(), file, "--model", model_directory()};
}

json report_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--json", "-n", "0"});
  return json::parse(call(arguments).out);
}

json row_of(const json& report, const std::string& op) {
  for (const json& row : report["ops"])
    if (row["op"] == op) return row;
  return {};
}

float bf16(double value) { return static_cast<float>(plumbline::round_to(plumbline::DType::bf16, value)); }

}  // namespace

TEST_CASE(
    "a port that pairs the wrong channels: tokens equal, first at the rotation, token 0 exact, the pairing named") {
  std::vector<std::string> faults;
  for (int layer = 0; layer < 4; ++layer) faults.push_back("rope.interleaved@layer." + std::to_string(layer));
  const std::string mine = dump("mine.h5", faults);
  const Said said = call(compare(mine));
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.tells("the same token ids at 24 positions"));
  CHECK(said.tells("FIRST DIVERGENCE: layer.0.attn.q_rope (origin)"));
  CHECK(said.tells("\"token\" 0 is exact, and the error grows along the axis"));
  CHECK(said.tells("neighbouring channels"));
  const json report = report_of(compare(mine));
  for (const char* sound : {"layer.0.in_norm", "layer.0.attn.q_proj", "layer.0.attn.q_norm", "layer.0.attn.k_norm"})
    CHECK(row_of(report, sound)["role"] == "clean");
  for (const json& finding : report["findings"]) {
    INFO(finding.dump());
    const std::string op = finding["op"];
    CHECK((op.ends_with(".attn.q_rope") || op.ends_with(".attn.k_rope")));
    CHECK(finding["causes"][0]["status"] == "likely");
    CHECK(finding["causes"][0]["left"].get<double>() < 10.0);  // at the rounding floor once the pairs are put right
  }
  CHECK(report["findings"].size() == 8);
  for (const char* later : {"layer.1.in_norm", "layer.2.mlp.down_proj", "layer.3.resid2", "logits"}) {
    const std::string role = row_of(report, later)["role"];
    INFO(later << ": " << role);
    CHECK((role == "inherited" || role == "damper" || role == "amplifier"));
  }
}

TEST_CASE("a port that leaves out the first token is stopped before any layer is blamed") {
  const std::string tokens = scratch("without_first.json");
  std::string ids = "[";
  const std::string text = "ermission is hereby granted, free of charge";
  for (int i = 0; i < kTokens; ++i) ids += (i == 0 ? "" : ", ") + std::to_string(int{text[static_cast<size_t>(i)]});
  write_file(tokens, ids + "]\n");
  const std::string run = scratch("shifted.h5");
  REQUIRE(call({"run", model_directory(), "--backend", "twin", "--tokens", tokens, "-o", run}).status == 0);
  const std::string mine = foreign_copy(run, "shifted_copy.h5", {.widened = true});
  const Said said = call(compare(mine));
  INFO(said.out << said.err);
  CHECK(said.status == 3);
  CHECK(said.tells("[P0402]: the prompts differ: position 0 holds token 80 in the reference, 101 in the candidate"));
  CHECK_FALSE(said.says("layer."));
  CHECK(report_of(compare(mine))["ops"].empty());
}

TEST_CASE("a port that adds 1 to the last norm's weight: all layers clean, the norm named and why") {
  const std::string mine = dump("one_plus.h5", {"norm.weight_offset@final_norm"});
  const Said said = call(compare(mine));
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.tells("FIRST DIVERGENCE: final_norm (origin)"));
  const json report = report_of(compare(mine));
  for (const json& row : report["ops"])
    if (row["layer"].get<int>() >= 0) CHECK(row["role"] == "clean");
  REQUIRE(report["findings"].size() == 1);
  CHECK(report["findings"][0]["causes"][0]["status"] == "likely");
  CHECK(report["findings"][0]["causes"][0]["text"].get<std::string>().find("1") != std::string::npos);
}

TEST_CASE("logits through a cap that the model lacks fail although text, order and cosine agree") {
  // 2 tanh(x / 2) is monotone: no choice of token changes.
  const std::string mine = dump("capped.h5", {}, {.edit = [](const std::string& path, float value) {
                                  return path == "logits" ? bf16(2.0 * std::tanh(double{value} / 2.0)) : value;
                                }});
  const Said said = call(compare(mine));
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.tells("FIRST DIVERGENCE: logits (origin)"));
  const json logits = row_of(report_of(compare(mine)), "logits");
  CHECK(logits["metrics"]["cosine"].get<double>() > 0.999);
  const Said tokens = call({"tokens", reference(), mine});
  INFO(tokens.out << tokens.err);
  CHECK_FALSE(tokens.tells("likeliest token differs"));
}
