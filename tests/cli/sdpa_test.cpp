// SPDX-License-Identifier: Apache-2.0
// A defect smaller than honest noise: the reference's attention is eager, the candidate's one call of
// scaled_dot_product_attention in every layer, recorded as hooks on modules would, in a file that declares nothing.
#include <nlohmann/json.hpp>

#include "cli/foreign_copy.h"
#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

/// What hooks on the modules of a model give; no inner taps of attention, no first residual sum.
const std::vector<std::string> kModules = {"--taps",   "embed",    "--taps",    "rope.cos", "--taps",
                                           "rope.sin", "--taps",   "*norm.out", "--taps",   "*_proj",
                                           "--taps",   "*.resid2", "--taps",    "logits"};

std::string candidate(const std::string& name, const std::vector<std::string>& more) {
  std::vector<std::string> options = kModules;
  options.insert(options.end(), {"--attention", "sdpa"});
  options.insert(options.end(), more.begin(), more.end());
  return foreign_copy(record(name + ".h5", {"torch", options, "", 16}), name + "_foreign.h5",
                      {true, true, BatchAxis::kept, {}});
}

Said find(const std::string& candidate_file, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"find", record("eager.h5", {"torch", {}, "", 16}), candidate_file, "--model",
                                    model_directory()};
  words.insert(words.end(), more.begin(), more.end());
  return call(words);
}

}  // namespace

TEST_CASE("other backends have one attention and refuse the choice") {
  for (const char* backend : {"twin", "oracle"}) {
    const Said said = call({"run", model_directory(), "--backend", backend, "--prompt", "a", "--attention", "sdpa",
                            "-o", scratch("refused.h5")});
    CHECK(said.status == 2);
    CHECK(said.complains("--attention belongs to the backend torch"));
  }
}

#ifdef PLUMBLINE_HAVE_TORCH
TEST_CASE("an honest other attention in every layer is no finding") {
  for (const auto& steps : {std::vector<std::string>{}, std::vector<std::string>{"--prefill", "12"}}) {
    const Said said = find(candidate("clean" + std::to_string(steps.size()), steps));
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("attention/sdpa"));
    CHECK(said.says("(100.0%)"));
  }
}

TEST_CASE("one defect on top of it is located at the planted module, or at the segment that holds it") {
  struct Row {
    std::string fault, first;
    std::string inside;  // the op of the segment that it was planted in
  };
  const Row rows[] = {
      {"norm.single_rounding@layer.2.in_norm", "layer.2.in_norm", ""},
      {"norm.eps=1e-3@layer.2.in_norm", "layer.2.in_norm", ""},
      {"rope.theta=1e4@layer.2", "layer.2.attn.o_proj", "layer.2.attn.q_rope"},
      {"norm.dropped@layer.2.attn.q_norm", "layer.2.attn.o_proj", "layer.2.attn.q_norm"},
      {"gqa.map@layer.1", "layer.1.attn.o_proj", "layer.1.attn.scores_raw"},
      {"mask.off_by_one@layer.2", "layer.2.attn.o_proj", "layer.2.attn.scores_masked"},
      {"residual.dropped@layer.2.resid1", "layer.2.post_norm", "layer.2.resid1"},
      {"mlp.gate_up_swapped@layer.1", "layer.1.mlp.gate_proj", ""},
  };
  int number = 0;
  for (const Row& row : rows) {
    const Said said =
        find(candidate("defect" + std::to_string(number++), {"--fault", row.fault}), {"--json", "--ignore-digests"});
    INFO(row.fault << "\n" << said.out.substr(0, 2000) << said.err);
    CHECK(said.status == 1);
    const auto report = nlohmann::json::parse(said.out);
    CHECK(report["outcome"]["first_divergence"] == row.first);
    if (row.inside.empty()) continue;
    for (const auto& op : report["ops"])
      if (op["op"] == row.first) CHECK(op["segment"].dump().find("\"" + row.inside + "\"") != std::string::npos);
  }
}

TEST_CASE("where both sides state their graphs, the other attention is named as a contract") {
  const std::string stated = record("stated.h5", {"torch", {"--attention", "sdpa"}, "", 16});
  const auto report = nlohmann::json::parse(find(stated, {"--json"}).out);
  CHECK(report["findings"].size() == 4);
  for (const auto& finding : report["findings"]) {
    INFO(finding.dump());
    CHECK(finding["role"] == "contract");
    CHECK(finding["contract"].get<std::string>().starts_with("attention/sdpa"));  // by CPU
  }
}
#endif
