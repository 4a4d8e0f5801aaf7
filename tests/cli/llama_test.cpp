// SPDX-License-Identifier: Apache-2.0
// The second model family through the real programs: a small Llama with rope scaling is run, compared and broken as a
// Qwen3 is, and what its family lacks is refused by name.
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

TEST_CASE("faults of a Llama's run are located") {
  struct Row {
    std::string fault, first;
  };
  const Row rows[] = {
      {"rope.scaling_ignored", "rope.table (origin)"},
      {"rope.theta=1e5@layer.1", "layer.1.attn.q_rope (origin)"},
      {"rope.interleaved@layer.2", "layer.2.attn.q_rope (origin)"},
      {"gqa.map@layer.3", "layer.3.attn.scores_raw (origin)"},
      {"attn.k_v_swapped@layer.2", "layer.2.attn.k_proj (origin)"},
      {"mlp.gate_up_swapped@layer.1", "layer.1.mlp.gate_proj (origin)"},
      {"norm.weight_missing@layer.2.post_norm", "layer.2.post_norm (origin)"},
      {"weight.wrong_layer@layer.3.attn.k_proj", "layer.3.attn.k_proj (origin)"},
      {"head.untied", "logits (origin)"},
  };
  const std::string reference = record("llama_oracle.h5", llama("oracle"));
  int number = 0;
  for (const Row& row : rows) {
    INFO(row.fault);
    const std::string candidate =
        record("llama_fault" + std::to_string(number++) + ".h5", llama("twin", {"--fault", row.fault}));
    const Said said = call({"find", reference, candidate});
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    CHECK(said.says("FIRST DIVERGENCE: " + row.first));
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
  for (const std::string type : {"yarn", "linear", "dynamic", "longrope"}) {
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
