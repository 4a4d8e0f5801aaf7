// SPDX-License-Identifier: Apache-2.0
// `plumbline find` on the real programs: healthy pairs give 0, every planted fault gives 1 with op and layer.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

TEST_CASE("healthy pairs are at parity") {
  struct Row {
    std::string name;
    Recording reference, candidate;
  };
  const Row rows[] = {
      {"oracle against twin", {"oracle", {}, "", 16}, {"twin", {}, "", 16}},
      {"twin with one thread against two", {"twin", {"--threads", "1"}, "", 16}, {"twin", {"--threads", "2"}, "", 16}},
      {"a longer prefill against a shorter one and four decode steps",
       {"twin", {}, "", 16},
       {"twin", {"--prefill", "12"}, "", 16}},
      {"the fused kernel against the unfused path",
       {"twin", {}, "", 16},
       {"twin", {"--kernel", "qkv=unfused"}, "", 16}},
      {"one pass over x", {"oracle", {}, "", 16}, {"twin", {"--kernel", "qkv=exact"}, "", 16}},
      {"the keys' norm on its own", {"oracle", {}, "", 16}, {"twin", {"--kernel", "qkv=separate_k_norm"}, "", 16}},
      {"another prompt", {"oracle", {}, "", 9}, {"twin", {}, "", 9}},
  };
  int number = 0;
  for (const Row& row : rows) {
    INFO(row.name);
    const std::string prefix = "healthy" + std::to_string(number++);
    const Said said = call({"find", record(prefix + "a.h5", row.reference), record(prefix + "b.h5", row.candidate)});
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("PARITY"));
    CHECK(said.says("(100.0%)"));
    CHECK_FALSE(said.says("P02"));
  }
}

TEST_CASE("every fault gives exit status 1 and is named by op and layer") {
  struct Row {
    std::string fault, first;
  };
  const Row rows[] = {
      {"norm.single_rounding@layer.2.in_norm", "layer.2.in_norm (contract)"},
      {"norm.f32@layer.3.post_norm", "layer.3.post_norm (contract)"},
      {"norm.f32_everywhere", "layer.0.in_norm (contract)"},
      {"k_norm.dropped@layer.1", "layer.1.attn.k_norm (origin)"},
      {"norm.eps=1e-3@layer.2.in_norm", "layer.2.in_norm (origin)"},
      {"norm.weight_missing@layer.3.attn.q_norm", "layer.3.attn.q_norm (origin)"},
      {"norm.weight_offset@layer.1.in_norm", "layer.1.in_norm (origin)"},
      {"rope.theta=1e4@layer.3", "layer.3.attn.q_rope (origin)"},
      {"rope.interleaved@layer.3", "layer.3.attn.q_rope (origin)"},
      {"gqa.map@layer.3", "layer.3.attn.scores_raw (origin)"},
      {"mask.off_by_one@layer.3", "layer.3.attn.scores_masked (origin)"},
      {"softmax.scale_missing@layer.3", "layer.3.attn.scores_scaled (origin)"},
      {"attn.k_v_swapped@layer.3", "layer.3.attn.k_proj (origin)"},
      {"bias.uninitialised@layer.1.attn.v_proj", "layer.1.attn.v_proj (origin)"},
      {"weight.transposed@layer.3.attn.o_proj", "layer.3.attn.o_proj (origin)"},
      {"mlp.gate_up_swapped@layer.3", "layer.3.mlp.gate_proj (origin)"},
      {"weight.wrong_layer@layer.3.attn.o_proj", "layer.3.attn.o_proj (origin)"},
      {"weight.clamped@layer.2.mlp.up_proj", "layer.2.mlp.up_proj (origin)"},
      {"embed.scale", "embed (origin)"},
      {"residual.dropped@layer.3.resid1", "layer.3.resid1 (origin)"},
      {"head.untied", "logits (origin)"},
  };
  const std::string reference = record("faults_ref.h5", {"oracle", {}, "", 16});
  int number = 0;
  for (const Row& row : rows) {
    INFO(row.fault);
    const std::string candidate =
        record("fault" + std::to_string(number++) + ".h5", {"oracle", {"--fault", row.fault}, "", 16});
    const Said said = call({"find", reference, candidate});
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    CHECK(said.says("FIRST DIVERGENCE: " + row.first));
    CHECK(said.says("`--fault " + row.fault + "`"));
  }
  // the list above is the whole catalogue of faults that every backend can have
  const Said catalogue = call({"faults"});
  CHECK(catalogue.status == 0);
  for (const Row& row : rows) CHECK(catalogue.says(row.fault.substr(0, row.fault.find_first_of("=@"))));
}

TEST_CASE("a kernel fault is listed apart, found in the kernels' run, recorded, and refused by other backends") {
  const Said listed = call({"faults"});
  CHECK(listed.says("Candidate kernels only (backends twin, cuda):\nkernel.k_tail_lost@layer.3.attn.q_proj"));
  const std::string fault = "kernel.k_tail_lost@layer.2.attn.v_proj";
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16});
  const Said said = call({"find", reference, record("tail.h5", {"twin", {"--fault", fault}, "", 16})});
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.says("FIRST DIVERGENCE: layer.2.attn.v_proj (origin)"));
  CHECK(said.says("`--fault " + fault + "`"));
  const std::string file = scratch("refused.h5");
  const Said refused =
      call({"run", model_directory(), "--backend", "oracle", "--prompt", "a", "--fault", fault, "-o", file});
  CHECK(refused.status == 2);
  CHECK(refused.complains("kernel.k_tail_lost"));
  CHECK(refused.complains("backends  twin, cuda"));
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("with digests ignored the numbers alone give a weight away, and the report says so") {
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16});
  const std::string fault = "weight.clamped@layer.2.attn.o_proj";
  const std::string candidate = record("clamped.h5", {"twin", {"--fault", fault}, "", 16});
  const Said both = call({"find", reference, candidate, "-n", "0"});
  CHECK(both.says("P0403"));
  CHECK_FALSE(both.says("digests ignored"));
  const Said numbers = call({"find", reference, candidate, "-n", "0", "--ignore-digests"});
  INFO(numbers.out << numbers.err);
  CHECK(numbers.status == 1);
  CHECK(numbers.says("FIRST DIVERGENCE: layer.2.attn.o_proj (origin)"));
  CHECK(numbers.says("digests ignored"));
  CHECK_FALSE(numbers.says("P0403"));
  const Said healthy = call({"find", reference, record("healthy0b.h5", {"twin", {}, "", 16}), "--ignore-digests"});
  CHECK(healthy.status == 0);
}

TEST_CASE("a plan says where a fault shows in a model, or why it cannot be there") {
  const Said said = call({"faults", "attn.k_v_swapped@layer.1", "rope.scaling_ignored", "kernel.lane_lost", "--model",
                          model_directory(), "--json"});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  const auto faults = nlohmann::json::parse(said.out)["faults"];
  REQUIRE(faults.size() == 3);
  CHECK(faults[0]["shows_at"] == "layer.1.attn.k_proj");
  CHECK(faults[0]["changes_parameters"] == true);
  CHECK(faults[1]["applies"] == false);
  CHECK(faults[1]["shows_at"].is_null());
  CHECK(faults[1]["reason"].get<std::string>().find("no rope scaling") != std::string::npos);
  CHECK(faults[2]["shows_at"] == "layer.3.in_norm");
  CHECK(faults[2]["backends"] == nlohmann::json::array({"twin", "cuda"}));
  CHECK(call({"faults", "rope.thetta"}).complains("did you mean 'rope.theta'"));
  CHECK(call({"faults", "rope.thetta"}).status == 2);
}

TEST_CASE("faults planted in the kernels' own run are found as well") {
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16});
  for (const std::string fault : {"k_norm.dropped@layer.1", "mask.off_by_one@layer.3", "rope.interleaved@layer.2"}) {
    INFO(fault);
    const std::string candidate = record("twin_" + fault + ".h5", {"twin", {"--fault", fault}, "", 16});
    const Said said = call({"find", reference, candidate});
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    CHECK(said.says("FIRST DIVERGENCE: layer." + fault.substr(fault.size() - 1)));
  }
}

TEST_CASE("a flood of NaN and infinities has exactly one origin") {
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16});
  const std::string candidate =
      record("flood.h5", {"twin", {"--fault", "bias.uninitialised=1e29@layer.1.attn.v_proj"}, "", 16});
  const Said said = call({"find", reference, candidate, "--json"});
  CHECK(said.status == 1);
  const auto report = nlohmann::json::parse(said.out);
  int origins = 0;
  for (const auto& op : report["ops"]) origins += op["role"] == "origin" ? 1 : 0;
  CHECK(origins == 1);
  CHECK(report["outcome"]["first_divergence"] == "layer.1.attn.v_proj");
  CHECK(report["outcome"]["exit_status"] == 1);
}

TEST_CASE("a variant is at parity with the oracle under its own contracts, whatever the block size and threads") {
  for (const std::string variant : {"single", "f32", "minimal_f32", "tf32", "fp16_tiles"}) {
    INFO(variant);
    const std::vector<std::string> kernel = {"--kernel", "qkv=" + variant};
    const std::string own = record("own_" + variant + ".h5", {"oracle", kernel, "", 16}),
                      kernels = record("kernel_" + variant + ".h5", {"twin", kernel, "", 16});
    for (const auto& [reference, candidate] : {std::pair(own, kernels), std::pair(kernels, own)}) {
      const Said said = call({"find", reference, candidate});
      INFO(said.out << said.err);
      CHECK(said.status == 0);
      CHECK(said.says("(100.0%)"));
      CHECK_FALSE(said.says("P02"));
    }
  }
}

TEST_CASE("f32 kept up to the norms of the heads is named op by op") {
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16}),
                    candidate = record("minimal_1.h5", {"twin", {"--kernel", "qkv=minimal_f32@layer.1"}, "", 16});
  const Said said = call({"find", reference, candidate, "--json"});
  CHECK(said.status == 1);
  std::map<std::string, std::string> named;
  const auto report = nlohmann::json::parse(said.out);
  for (const auto& finding : report["findings"]) {
    INFO(finding.dump());
    CHECK(finding["role"] == "contract");
    named[finding["op"]] = finding["contract"];
  }
  CHECK(named == std::map<std::string, std::string>{{"layer.1.in_norm", "rmsnorm/f32"},
                                                    {"layer.1.attn.q_proj", "linear/f32out"},
                                                    {"layer.1.attn.k_proj", "linear/f32out"},
                                                    {"layer.1.attn.q_norm", "rmsnorm/olmo"},
                                                    {"layer.1.attn.k_norm", "rmsnorm/olmo"}});
}

TEST_CASE("--amplification sets what weights predict beside what was measured, in text and JSON") {
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16}),
                    candidate = record("minimal_1.h5", {"twin", {"--kernel", "qkv=minimal_f32@layer.1"}, "", 16});
  const Said text = call({"find", reference, candidate, "--amplification"});
  CHECK(text.status == 1);
  CHECK(text.says("AMPLIFICATION"));
  CHECK(text.says("attn.k_norm"));
  const auto report =
      nlohmann::json::parse(call({"find", reference, candidate, "--amplification", "--json"}).out)["amplification"];
  CHECK(report["layers"].size() == 4);
  CHECK(report["growth_at_end"].is_number());
  CHECK_FALSE(call({"find", reference, candidate}).says("AMPLIFICATION"));
}

TEST_CASE("products of TF32 or f16 operands are named at the projections, behind a norm that keeps f32") {
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16});
  const std::pair<std::string, std::string> rows[] = {{"tf32", "linear/tf32"}, {"fp16_tiles", "linear/f16"}};
  for (const auto& [kernel, contract] : rows) {
    INFO(kernel);
    const auto report = nlohmann::json::parse(
        call({"find", reference, record("kernel_" + kernel + ".h5", {"twin", {"--kernel", "qkv=" + kernel}, "", 16}),
              "--json"})
            .out);
    int norms = 0, products = 0;
    for (const auto& finding : report["findings"]) {
      INFO(finding.dump());
      const std::string op = finding["op"];
      const bool norm = op.ends_with("in_norm");
      CHECK(finding["role"] == "contract");
      CHECK(finding["contract"] == (norm ? "rmsnorm/f32" : contract));
      CHECK((norm || op.ends_with("_proj")));
      (norm ? norms : products) += 1;
    }
    CHECK(norms == 4);
    CHECK(products > 0);
  }
}

TEST_CASE("kernels of another rounding contract are called contract, and which; exit status 1 all the same") {
  const std::string reference = record("healthy0a.h5", {"oracle", {}, "", 16});
  const std::pair<std::string, std::string> rows[] = {{"single", "rmsnorm/olmo"}, {"f32", "rmsnorm/f32"}};
  for (const auto& [kernel, contract] : rows) {
    INFO(kernel);
    const std::string candidate = record("kernel_" + kernel + ".h5", {"twin", {"--kernel", "qkv=" + kernel}, "", 16});
    const Said said = call({"find", reference, candidate, "--json"});
    CHECK(said.status == 1);
    const auto report = nlohmann::json::parse(said.out);
    int named = 0;
    for (const auto& finding : report["findings"]) {
      INFO(finding.dump());
      CHECK(finding["role"] == "contract");
      CHECK(finding["contract"] == contract);
      CHECK(finding["code"] == "P0203");
      ++named;
    }
    CHECK(named == 4);  // one norm before q, k and v in each layer
  }
}
