// SPDX-License-Identifier: Apache-2.0
// More than one defect, and defects that later ops hide: each is found at its own op, whatever else is wrong, and
// whether or not anything shows at the end.
#include <algorithm>
#include <cstring>

#include "locate/find.h"
#include "support/catch.h"
#include "support/tiny_model.h"
#include "unit/locate/reports.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

TinyModelOptions qwen() {
  TinyModelOptions options;
  options.layers = 4;
  options.seed = 11;
  return options;
}

TinyModelOptions llama() {
  TinyModelOptions options;
  options.layers = 3;
  options.llama = true;
  options.hidden = 96;
  options.head_dim = 48;
  options.seed = 12;
  return options;
}

/// An embedding so large that no branch reaches the last bit of the residual stream: 2^40 times as large, by the
/// exponents of its bf16 values.
TinyModelOptions swallowing() {
  TinyModelOptions options = qwen();
  options.edit_tensors = [](std::vector<RawTensor>& tensors) {
    for (RawTensor& tensor : tensors) {
      if (tensor.name != "model.embed_tokens.weight") continue;
      for (size_t i = 0; i + 1 < tensor.bytes.size(); i += 2) {
        uint16_t bits = 0;
        std::memcpy(&bits, &tensor.bytes[i], 2);
        if ((bits & 0x7FFF) != 0) bits = static_cast<uint16_t>(bits + (40 << 7));
        std::memcpy(&tensor.bytes[i], &bits, 2);
      }
    }
  };
  return options;
}

FindReport find(const Bench& bench, const Trace& reference, const Trace& candidate) {
  return find_divergence(reference, candidate, bench.model(), {2, 4, 1});
}

struct Pair {
  const char* what;
  std::vector<std::string> faults, ops;
  bool qwen_only = false;
};

const std::vector<Pair>& pairs() {
  static const std::vector<Pair> list = {
      {"two layers",
       {"norm.eps=1e-2@layer.0.in_norm", "weight.clamped@layer.2.attn.o_proj"},
       {"layer.0.in_norm", "layer.2.attn.o_proj"}},
      {"the branches of q and v",
       {"weight.clamped@layer.1.attn.q_proj", "weight.transposed@layer.1.attn.v_proj"},
       {"layer.1.attn.q_proj", "layer.1.attn.v_proj"}},
      {"the branches of gate and up",
       {"weight.clamped@layer.1.mlp.up_proj", "weight.wrong_layer@layer.1.mlp.gate_proj"},
       {"layer.1.mlp.gate_proj", "layer.1.mlp.up_proj"}},
      {"the branches of query and key heads",
       {"norm.weight_missing@layer.1.attn.q_norm", "norm.weight_offset@layer.1.attn.k_norm"},
       {"layer.1.attn.q_norm", "layer.1.attn.k_norm"},
       true},
      {"one reads the other",
       {"norm.weight_offset@layer.1.in_norm", "weight.clamped@layer.1.attn.k_proj"},
       {"layer.1.in_norm", "layer.1.attn.k_proj"}},
      {"another rounding, and a defect behind it",
       {"norm.single_rounding@layer.0.post_norm", "softmax.temperature@layer.1"},
       {"layer.0.post_norm", "layer.1.attn.scores_scaled"}},
      {"first op and last", {"embed.scale=1.01", "head.untied"}, {"embed", "logits"}},
      {"three",
       {"mask.off_by_one@layer.0", "weight.clamped@layer.1.mlp.down_proj", "rope.interleaved@layer.2"},
       {"layer.0.attn.scores_masked", "layer.1.mlp.down_proj", "layer.2.attn.q_rope", "layer.2.attn.k_rope"}},
  };
  return list;
}

}  // namespace

TEST_CASE(
    "of several defects each is found at its own op: in other layers, in parallel branches, one behind the other") {
  for (const bool with_head_norms : {true, false}) {
    const Bench bench(with_head_norms ? qwen() : llama());
    const Trace healthy = bench.record("healthy.h5", {text_tokens(8)});
    int number = 0;
    for (const Pair& pair : pairs()) {
      if (pair.qwen_only && !with_head_norms) continue;
      INFO((with_head_norms ? "qwen3: " : "llama: ") << pair.what);
      Bench::Run run{text_tokens(8)};
      run.faults = pair.faults;
      const FindReport report = find(bench, healthy, bench.record("pair" + std::to_string(number++) + ".h5", run));
      CHECK(report.outcome == Outcome::divergence);
      CHECK(ops_at_fault(report) == pair.ops);
    }
  }
}

TEST_CASE("a defect that the mask hides is found, although every later bit is equal") {
  const Bench bench(qwen());
  Bench::Run run{text_tokens(8)};
  // Query 2, key 5: its future. 64 / sqrt(32) = 11.3137 is 11.3125 in bf16; the mask's -3.4e38 takes both in.
  run.edit = [](TapSpec& spec, Tensor& values) {
    const uint16_t raw = 0x4280, scaled = 0x4135;
    const int64_t at = 2 * values.shape().back() + 5;
    if (spec.path == "layer.1.attn.scores_raw") std::memcpy(values.mutable_data() + at * 2, &raw, 2);
    if (spec.path == "layer.1.attn.scores_scaled") std::memcpy(values.mutable_data() + at * 2, &scaled, 2);
  };
  const FindReport report = find(bench, bench.record("open.h5", {text_tokens(8)}), bench.record("behind_mask.h5", run));
  CHECK(ops_at_fault(report) == std::vector<std::string>{"layer.1.attn.scores_raw"});
  for (const char* op : {"layer.1.attn.scores_masked", "layer.1.attn.softmax", "logits"})
    CHECK(row(report, op).equal_bits());
}

TEST_CASE("a defect that the residual stream swallows is found, although the logits are equal bit for bit") {
  const Bench bench(swallowing());
  const Trace healthy = bench.record("large_stream.h5", {text_tokens(8)});
  const std::pair<std::string, std::string> rows[] = {
      {"weight.clamped@layer.1.mlp.down_proj", "layer.1.mlp.down_proj"},
      {"softmax.scale_missing@layer.2", "layer.2.attn.scores_scaled"},
      {"norm.weight_missing@layer.0.attn.k_norm", "layer.0.attn.k_norm"},
  };
  int number = 0;
  for (const auto& [fault, op] : rows) {
    INFO(fault);
    Bench::Run run{text_tokens(8)};
    run.faults = {fault};
    const FindReport report = find(bench, healthy, bench.record("swallowed" + std::to_string(number++) + ".h5", run));
    CHECK(report.outcome == Outcome::divergence);
    CHECK(ops_at_fault(report) == std::vector<std::string>{op});
    CHECK(row(report, "layer.3.resid2").equal_bits());
    CHECK(row(report, "logits").equal_bits());
  }
}
