// SPDX-License-Identifier: Apache-2.0
// The oracle runs a whole model: every tap of the graph once per step, each what its own replay gives, and a prompt
// fed at once or token by token ends in the same bits.
#include "oracle/backend.h"

#include <cstring>
#include <map>

#include <plumbline/error.h>

#include "oracle/judge.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace plumbline;

namespace {

struct Kept {
  TapSpec spec;
  Tensor values;
};

class Recorder final : public TapSink {
 public:
  bool wants(std::string_view) const override { return true; }
  void begin_step(const Step&) override { steps.emplace_back(); }
  void record(const TapSpec& spec, const TensorView& values) override {
    const Tensor copy = Tensor::from_values(values.dtype, values.shape, to_values(values));
    CHECK(steps.back().emplace(spec.path, Kept{spec, copy}).second);
  }
  std::vector<std::map<std::string, Kept>> steps;
};

std::vector<int64_t> text_tokens() { return {80, 101, 114, 109, 105, 115, 115, 105, 111, 110, 32, 105, 115}; }

bool same_bits(const TensorView& a, const TensorView& b) {
  return a.shape == b.shape && a.dtype == b.dtype && std::memcmp(a.data, b.data, a.byte_size()) == 0;
}

/// Replays every op of a step on what was recorded and judges all its taps.
void judge_step(const Model& model, const Recorder& recorder, size_t step, int64_t first_position) {
  const std::map<std::string, Kept>& taps = recorder.steps[step];
  for (const Op& op : model.graph.ops) {
    OpInputs in;
    in.first_position = first_position;
    for (const std::string& path : op.inputs) in.inputs.push_back(to_array(taps.at(path).values.view()));
    for (const std::string& name : op.parameters) in.parameters.push_back(to_array(model.parameters.at(name).view()));
    if (op.kind == OpKind::kv_append && step > 0)
      in.past = to_array(recorder.steps[step - 1].at(op.outputs[0].path).values.view());
    const std::vector<Evaluated> outputs =
        evaluate(op, find_contract(op.contract), in, model.config.dtype, {.bounds = true, .inner = true, .threads = 1});
    CHECK(outputs.size() == op.outputs.size());
    for (const Evaluated& output : outputs) {
      const Judgement j = judge(output, taps.at(output.spec->path).values.view());
      INFO(output.spec->path << " " << gate_name(j.failed) << " " << j.worst_ratio);
      CHECK(j.passed);
      CHECK(j.mismatches == 0);
      CHECK(output.dtype == output.spec->dtype);
    }
  }
}

}  // namespace

TEST_CASE("the oracle backend hands out every tap of every step, each equal to its own replay", "[threads]") {
  const auto directory = test::write_tiny_model();
  const Model model = load_model(directory.path());
  const std::unique_ptr<Backend> backend = make_oracle_backend(model, 2);
  Recorder recorder;
  const Tensor logits = backend->forward({0, 0, text_tokens()}, recorder);
  CHECK(logits.shape() == Shape{1, 13, model.config.vocab});
  CHECK(logits.dtype() == DType::bf16);
  backend->forward({1, 13, {32}}, recorder);
  judge_step(model, recorder, 0, 0);
  judge_step(model, recorder, 1, 13);
  CHECK(recorder.steps[1].at("layer.0.attn.k_cache").values.shape()[2] == 14);
  CHECK_THROWS_AS(backend->forward({2, 3, {32}}, recorder), InputError);
  CHECK_THROWS_AS(backend->forward({2, 14, {100000}}, recorder), InputError);
}

TEST_CASE("a prompt at once or in two steps gives the same logits, with one thread or three") {
  const auto directory = test::write_tiny_model();
  const Model model = load_model(directory.path());
  const std::vector<int64_t> tokens = text_tokens();
  NullSink sink;
  const Tensor whole = make_oracle_backend(model, 1)->forward({0, 0, tokens}, sink);
  const std::unique_ptr<Backend> split = make_oracle_backend(model, 3);
  const Tensor head = split->forward({0, 0, {tokens.begin(), tokens.end() - 4}}, sink);
  const Tensor tail = split->forward({1, 9, {tokens.end() - 4, tokens.end()}}, sink);
  const int64_t vocab = model.config.vocab;
  const TensorView whole_head{DType::bf16, head.shape(), whole.data()};
  const TensorView whole_tail{DType::bf16, tail.shape(), whole.data() + 9 * vocab * 2};
  CHECK(same_bits(head.view(), whole_head));
  CHECK(same_bits(tail.view(), whole_tail));
}
