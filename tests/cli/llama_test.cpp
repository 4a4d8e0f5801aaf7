// SPDX-License-Identifier: Apache-2.0
// A small Llama with rope scaling through the real programs, by every way to run it, and what its family lacks is
// refused by name. Its faults: families_test.cpp.
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

// Prompts of 16 tokens meet all three bands: with 64 as original length, wavelengths below 16 are kept, above 64
// divided.
const RopeScaling kScaling{8.0, 1.0, 4.0, 64.0};

/// Four layers, untied, rope scaling, biases in the MLP.
std::string llama_directory() {
  static const TempDirectory directory = write_tiny_model({.layers = 4,
                                                           .rope_theta = 1e4,
                                                           .rms_eps = 1e-5,
                                                           .llama = true,
                                                           .rope_scaling = kScaling,
                                                           .tied = false,
                                                           .mlp_bias = true,
                                                           .seed = 21});
  return directory.path().string();
}

Recording llama(const std::string& backend, std::vector<std::string> options = {}) {
  return {backend, std::move(options), llama_directory(), 16};
}

}  // namespace

TEST_CASE("healthy pairs of a Llama are at parity, every op judged") {
  struct Row {
    std::string name;
    Recording reference, candidate;
  };
  const Row rows[] = {
      {"oracle against twin", llama("oracle"), llama("twin")},
      {"fused against unfused", llama("twin"), llama("twin", {"--kernel", "qkv=unfused"})},
      {"one prefill against decode steps", llama("twin"), llama("twin", {"--prefill", "11"})},
#ifdef PLUMBLINE_HAVE_TORCH
      {"LibTorch against twin", llama("torch"), llama("twin")},
#endif
  };
  int number = 0;
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string prefix = "llama" + std::to_string(number++);
    const Said said = call({"find", record(prefix + "a.h5", row.reference), record(prefix + "b.h5", row.candidate)});
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("PARITY"));
    CHECK(said.says("(100.0%)"));
  }
}

TEST_CASE("a fault of a norm that a Llama lacks is refused with status 2 and the reason") {
  const std::string out = scratch("refused.h5");
  for (const std::string fault : {"k_norm.dropped", "k_norm.dropped@layer.1", "norm.weight_missing"}) {
    INFO(fault);
    const Said said =
        call({"run", llama_directory(), "--backend", "twin", "--prompt", "This program", "--fault", fault, "-o", out});
    CHECK(said.status == 2);
    CHECK(said.complains("does not apply to this model"));
    CHECK(said.complains("LlamaForCausalLM has no such op"));
  }
}

TEST_CASE("rope scaling of a kind that no builder computes is refused with status 2, key and value") {
  for (const std::string type : {"yarn", "dynamic", "longrope"}) {
    INFO(type);
    const TempDirectory directory = write_tiny_model({.llama = true, .edit_config = [&](nlohmann::json& config) {
                                                        config["rope_scaling"] = {{"rope_type", type}, {"factor", 4.0}};
                                                      }});
    const Said said = call({"run", directory.path().string(), "--backend", "twin", "--prompt", "This program", "-o",
                            scratch("refused.h5")});
    CHECK(said.status == 2);
    CHECK(said.complains("rope_scaling.rope_type"));
    CHECK(said.complains("\"" + type + "\""));
    CHECK(said.complains("llama3"));
  }
}

}  // namespace plumbline::test
