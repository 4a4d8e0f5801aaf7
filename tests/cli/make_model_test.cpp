// SPDX-License-Identifier: Apache-2.0
// `plumbline make-model` as a user calls it: what it writes runs, and what it cannot do it refuses.
#include <filesystem>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

namespace plumbline::test {
namespace {

std::string made(const std::string& shape, const std::string& name, std::vector<std::string> options = {}) {
  std::vector<std::string> arguments{"make-model", shape, "-o", scratch(name)};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const Said said = call(arguments);
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  REQUIRE(said.says("seed"));
  return scratch(name);
}

}  // namespace

TEST_CASE("made models of both families run, the kernels at parity with the oracle") {
  for (const std::string shape : {"qwen3-tiny", "llama-tiny"}) {
    INFO(shape);
    const std::string model = made(shape, "made_" + shape, {"--layers", "2"});
    const std::string reference = record(shape + "_oracle.h5", {"oracle", {}, model, 12});
    const Said said = call({"find", reference, record(shape + "_twin.h5", {"twin", {}, model, 12})});
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("PARITY"));
    CHECK(said.says("(100.0%)"));
  }
}

TEST_CASE("the same command gives the same bytes, another seed others") {
  const std::string first = made("llama-tiny", "seed_a", {"--layers", "1"});
  const std::string again = made("llama-tiny", "seed_b", {"--layers", "1"});
  const std::string other = made("llama-tiny", "seed_c", {"--layers", "1", "--seed", "2"});
  const std::string bytes = read_file(first + "/model.safetensors");
  CHECK(bytes == read_file(again + "/model.safetensors"));
  CHECK(bytes != read_file(other + "/model.safetensors"));
}

TEST_CASE("an ERNIE is written in its own layout, and run says that the family comes later") {
  const std::string config = scratch("ernie.json");
  write_file(config, R"({"architectures": ["Ernie4_5ForCausalLM"], "model_type": "ernie4_5", "hidden_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 96,
    "vocab_size": 320, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "use_bias": false, "torch_dtype": "bfloat16"})");
  const std::string model = made(config, "ernie");
  CHECK(read_file(model + "/config.json").find("Ernie4_5ForCausalLM") != std::string::npos);
  // Tied by the family's default: no head of its own.
  CHECK(read_file(model + "/model.safetensors").find("lm_head") == std::string::npos);
  const Said said = call({"run", model, "--backend", "oracle", "--prompt", "A", "-o", scratch("ernie.h5")});
  CHECK(said.status == 2);
  CHECK(said.complains("Ernie4_5ForCausalLM"));
  CHECK(said.complains("a later one will"));
}

TEST_CASE("what make-model cannot do it refuses with status 2") {
  const std::string taken = made("llama-tiny", "taken", {"--layers", "1"});
  struct Row {
    std::vector<std::string> arguments;
    std::string reason;
  };
  const Row rows[] = {
      {{"make-model", "llama-tiny", "--layers", "1", "-o", taken}, "--force replaces it"},
      {{"make-model", "llama-tin", "-o", scratch("x")}, "llama-tiny"},
      {{"make-model", "llama-tiny", "--k-norm-max", "notes", "-o", scratch("x")}, "no K norm"},
      {{"make-model", "llama-tiny", "-o", scratch("absent/x")}, "No such file or directory"},
      {{"make-model", "llama-tiny", "--dtype", "f64", "-o", scratch("x")}, "--dtype"},
      {{"make-model", "llama-tiny", "--layers", "0", "-o", scratch("x")}, "--layers"},
  };
  for (const Row& row : rows) {
    INFO(row.reason);
    const Said said = call(row.arguments);
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(row.reason));
    CHECK_FALSE(std::filesystem::exists(scratch("x")));
  }
}

}  // namespace plumbline::test
