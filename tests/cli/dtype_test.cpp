// SPDX-License-Identifier: Apache-2.0
// Checkpoints in bf16, f16 and f32 through the real programs: each runs in its own format, another one is asked for by
// name and recorded, and two runs in different formats are said to be that and not faulty at every op.
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/foreign_copy.h"
#include "cli/program.h"
#include "support/catch.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

#ifdef PLUMBLINE_HAVE_TORCH
const std::string kOther = "torch";
#else
const std::string kOther = "oracle";
#endif

/// Three layers in that format ("float16").
std::string directory_of(const std::string& dtype) {
  static std::map<std::string, TempDirectory> made;
  auto found = made.find(dtype);
  if (found == made.end())
    found = made.emplace(dtype, write_tiny_model({.layers = 3, .dtype = dtype, .seed = 7})).first;
  return found->second.path().string();
}

Recording run_of(const std::string& dtype, const std::string& backend, std::vector<std::string> options = {}) {
  return {backend, std::move(options), directory_of(dtype), 12};
}

std::string traced(const std::string& name, const Recording& recording) { return record(name + ".h5", recording); }

}  // namespace

TEST_CASE("a checkpoint in any format runs in it, at parity, every op judged") {
  for (const std::string dtype : {"bfloat16", "float16", "float32"}) {
    INFO(dtype);
    const std::string reference = traced("own_ref_" + dtype, run_of(dtype, kOther, {"--prefill", "9"}));
    const Said said = call({"find", reference, traced("own_" + dtype, run_of(dtype, "oracle", {"--prefill", "9"}))});
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("PARITY"));
    CHECK(said.says("(100.0%)"));
  }
}

TEST_CASE("a fault is located in every format") {
  struct Row {
    std::string fault, first;
  };
  const Row rows[] = {
      {"rope.theta=1e4@layer.1", "layer.1.attn.q_rope (origin)"},
      {"norm.weight_missing@layer.2.post_norm", "layer.2.post_norm (origin)"},
      {"weight.transposed@layer.0.attn.o_proj", "layer.0.attn.o_proj (origin)"},
      {"gqa.map@layer.1", "layer.1.attn.scores_raw (origin)"},
  };
  for (const std::string dtype : {"float16", "float32"}) {
    const std::string reference = traced("fault_ref_" + dtype, run_of(dtype, kOther));
    int number = 0;
    for (const Row& row : rows) {
      INFO(dtype << ' ' << row.fault);
      const std::string candidate =
          traced("fault_" + dtype + std::to_string(number++), run_of(dtype, "oracle", {"--fault", row.fault}));
      const Said said = call({"find", reference, candidate});
      INFO(said.out << said.err);
      CHECK(said.status == 1);
      CHECK(said.says("FIRST DIVERGENCE: " + row.first));
    }
  }
}

TEST_CASE("the kernels refuse other formats with status 2 and the option that casts") {
  for (const std::string dtype : {"float16", "float32"}) {
    const std::string out = scratch("refused_" + dtype + ".h5");
    const Said said = call({"run", directory_of(dtype), "--backend", "twin", "--prompt", "This program", "-o", out});
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.complains("runs in bf16 only"));
    CHECK(said.complains(dtype == "float16" ? "checkpoint  f16" : "checkpoint  f32"));
    CHECK(said.complains("--dtype bf16"));
    CHECK_FALSE(std::filesystem::exists(out));
  }
  const Said said = call({"run", directory_of("bfloat16"), "--backend", "twin", "--dtype", "f16", "--prompt", "This",
                          "-o", scratch("refused.h5")});
  CHECK(said.status == 2);
  CHECK(said.complains("runs in bf16 only"));
}

TEST_CASE("a cast that was asked for is recorded, and both sides in it are at parity") {
  const std::string twin = traced("cast_twin", run_of("float32", "twin", {"--dtype", "bf16"}));
  const Said said = call({"find", traced("cast_ref", run_of("float32", kOther, {"--dtype", "bf16"})), twin});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("(100.0%)"));
  const Said listed = call({"ls", twin, "--brief"});
  INFO(listed.out << listed.err);
  CHECK(listed.says("f32 to bf16, each weight rounded once to nearest even"));
}

TEST_CASE("runs in different formats differ by their format, not by a bug at every op") {
  struct Row {
    std::string name, checkpoint, reference, candidate;
  };
  const Row rows[] = {
      {"f32 against bf16", "float32", "f32", "bf16"},
      {"bf16 against f32", "float32", "bf16", "f32"},
      {"f16 against f32", "float16", "f16", "f32"},
      {"bf16 against f16", "bfloat16", "bf16", "f16"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string reference =
        traced(row.checkpoint + row.reference, run_of(row.checkpoint, kOther, {"--dtype", row.reference}));
    const std::string candidate = traced(row.checkpoint + row.candidate + "_oracle",
                                         run_of(row.checkpoint, "oracle", {"--dtype", row.candidate}));
    const Said said = call({"find", reference, candidate, "--json"});
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    const auto report = nlohmann::json::parse(said.out);
    REQUIRE(report.at("findings").size() == 1);
    CHECK(report.at("findings").at(0).at("code") == "P0408");
    const std::string faulty =
        traced(row.checkpoint + row.candidate + "_faulty",
               run_of(row.checkpoint, "oracle", {"--dtype", row.candidate, "--fault", "rope.theta=1e4@layer.1"}));
    const Said located = call({"find", reference, faulty});
    INFO(located.out << located.err);
    CHECK(located.says("P0408"));
    CHECK(located.says("FIRST DIVERGENCE: layer.1.attn.q_rope (origin)"));
  }
}

TEST_CASE("a dump of other software in a narrower format is judged in that format") {
  const std::string reference = traced("float32f32", run_of("float32", kOther, {"--dtype", "f32"}));
  const std::string cast = traced("float32bf16_oracle", run_of("float32", "oracle", {"--dtype", "bf16"}));
  const Said said = call({"find", reference, foreign_copy(cast, "foreign_bf16.h5", {}), "--json"});
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  const auto report = nlohmann::json::parse(said.out);
  REQUIRE(report.at("findings").size() == 1);
  CHECK(report.at("findings").at(0).at("code") == "P0408");
}

TEST_CASE("a weight that the format cannot hold is refused with status 2 and its name") {
  const TempDirectory directory = write_tiny_model({.dtype = "float32", .edit_tensors = [](auto& tensors) {
                                                      const float big = 70000.0F;
                                                      std::memcpy(tensors.at(1).bytes.data(), &big, sizeof big);
                                                    }});
  const Said said = call({"run", directory.path().string(), "--backend", "oracle", "--dtype", "f16", "--prompt", "A",
                          "-o", scratch("overflow.h5")});
  CHECK(said.status == 2);
  CHECK(said.complains("model.layers.0.input_layernorm.weight"));
  CHECK(said.complains("70000"));
  CHECK(said.complains("65504"));
}

}  // namespace plumbline::test
