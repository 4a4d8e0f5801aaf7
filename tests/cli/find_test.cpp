// SPDX-License-Identifier: Apache-2.0
// `plumbline find` on the real programs: healthy pairs give 0, every planted fault gives 1 with op and layer.
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
  // the list above is the whole catalogue
  const Said catalogue = call({"faults"});
  CHECK(catalogue.status == 0);
  for (const Row& row : rows) CHECK(catalogue.says(row.fault.substr(0, row.fault.find_first_of("=@"))));
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
  for (const std::string variant : {"single", "f32", "minimal_f32"}) {
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
