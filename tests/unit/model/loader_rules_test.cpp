// SPDX-License-Identifier: Apache-2.0
// One test per loader rule, each on a checkpoint that breaks just that rule.
#include <algorithm>
#include <nlohmann/json.hpp>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

using test::RawTensor;
using test::TinyModelOptions;

RawTensor& named(std::vector<RawTensor>& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const RawTensor& t) { return t.name == name; });
  REQUIRE(found != tensors.end());
  return *found;
}

void erase(std::vector<RawTensor>& tensors, const std::string& name) {
  std::erase_if(tensors, [&](const RawTensor& t) { return t.name == name; });
}

std::string refusal(const TinyModelOptions& options) {
  const test::TempDirectory directory = test::write_tiny_model(options);
  return test::error_text<CheckpointError>([&] { load_model(directory.path()); });
}

Model loaded(const TinyModelOptions& options) {
  const test::TempDirectory directory = test::write_tiny_model(options);
  return load_model(directory.path());
}

const std::string kQ = "model.layers.1.self_attn.q_proj.weight";

}  // namespace

TEST_CASE("A sound checkpoint loads whole, whatever its options") {
  for (const std::string dtype : {"bfloat16", "float16", "float32"}) {
    for (const bool tied : {true, false}) {
      for (const bool bias : {true, false}) {
        TinyModelOptions options;
        options.dtype = dtype;
        options.tied = tied;
        options.attention_bias = bias;
        options.new_config_keys = bias;
        const Model model = loaded(options);
        CHECK(model.notes.empty());
        // 11 per layer and embedding, final norm, head; 4 biases per layer
        CHECK(model.parameters.size() == 2 * (11u + (bias ? 4u : 0u)) + 2u + (tied ? 0u : 1u));
        CHECK(model.config.tied == tied);
      }
    }
  }
}

TEST_CASE("Parameters hold the file's bytes") {
  const TinyModelOptions options;
  const Model model = loaded(options);
  for (const RawTensor& raw : test::tiny_tensors(options)) {
    const auto bytes = std::as_bytes(std::span(raw.bytes));
    CHECK(std::ranges::equal(model.parameters.at(raw.name).view().bytes(), bytes));
  }
}

TEST_CASE("A tensor that is missing is named, with those of similar name that nobody uses") {
  TinyModelOptions options;
  options.edit_tensors = [](auto& tensors) { named(tensors, kQ).name = "model.layers.1.self_attn.q_prj.weight"; };
  test::require_parts(refusal(options), {"a tensor is missing", kQ, "[128, 64]", "1 of 24", "q_prj.weight"});
}

TEST_CASE("A tensor that the model does not use is named, with the nearest that it does") {
  TinyModelOptions options;
  options.edit_tensors = [](auto& tensors) {
    tensors.push_back({"model.layers.1.self_attn.q_proj.bias", "BF16", {128}, std::string(256, '\0')});
  };
  test::require_parts(refusal(options), {"does not use", "model.layers.1.self_attn.q_proj.bias", "model.safetensors",
                                         "nearest   " + kQ, "attention_bias"});
}

TEST_CASE("Layers beyond num_hidden_layers are unexpected, and layers short of it are missing") {
  TinyModelOptions options;
  options.edit_config = [](auto& config) { config["num_hidden_layers"] = 1; };
  test::require_parts(refusal(options), {"does not use", "model.layers.1.", "11 tensors"});
  options.edit_config = [](auto& config) { config["num_hidden_layers"] = 3; };
  test::require_parts(refusal(options), {"missing", "model.layers.2.", "11 of 35"});
}

TEST_CASE("A tensor of the wrong shape is refused with both shapes") {
  TinyModelOptions options;
  options.edit_tensors = [](auto& tensors) { named(tensors, kQ).shape = {64, 128}; };  // transposed
  test::require_parts(refusal(options), {"wrong shape", kQ, "[128, 64]", "[64, 128]", "model.safetensors"});
}

TEST_CASE("Weights in another dtype than config.json's are refused with both") {
  TinyModelOptions options;
  options.edit_config = [](auto& config) { config["torch_dtype"] = "float16"; };
  test::require_parts(refusal(options), {"wrong dtype", "model.embed_tokens.weight", "f16", "bf16"});
}

TEST_CASE("Mixed dtypes are refused with the count of each") {
  TinyModelOptions options;
  options.edit_tensors = [](auto& tensors) {
    RawTensor& q = named(tensors, kQ);
    q.dtype = "F32";
    q.bytes.resize(q.bytes.size() * 2);
  };
  test::require_parts(refusal(options), {"mixed dtypes", "bf16  23 tensors", "f32  1 tensors", kQ});
}

TEST_CASE("A head that neither config nor family ties must be stored") {
  TinyModelOptions options;
  options.edit_config = [](auto& config) { config.erase("tie_word_embeddings"); };
  test::require_parts(refusal(options),
                      {"head is missing", "lm_head.weight", "[320, 64]", "false or absent, which means false"});
  options.edit_config = [](auto& config) { config["tie_word_embeddings"] = false; };
  test::require_parts(refusal(options), {"head is missing"});
}

TEST_CASE("A tied head that is stored too is taken if its bytes equal the embedding's, and noted") {
  TinyModelOptions options;
  options.store_tied_head = true;
  const Model model = loaded(options);
  CHECK_FALSE(model.parameters.contains("lm_head.weight"));
  REQUIRE(model.notes.size() == 1);
  test::require_parts(model.notes[0], {"lm_head.weight", "model.embed_tokens.weight"});
}

TEST_CASE("A tied head that differs in one bit is refused with the element and both values") {
  TinyModelOptions options;
  options.store_tied_head = true;
  options.edit_tensors = [](auto& tensors) {  // row 2, column 3 of [320, 64]: -0.5 (0xBF00) instead
    std::string& bytes = named(tensors, "lm_head.weight").bytes;
    bytes[2 * (2 * 64 + 3)] = '\x00';
    bytes[2 * (2 * 64 + 3) + 1] = '\xBF';
  };
  test::require_parts(refusal(options), {"another one is stored", "lm_head.weight", "2, 3", "-0.5"});
}

TEST_CASE("A tied head of another shape is refused") {
  TinyModelOptions options;
  options.store_tied_head = true;
  options.edit_tensors = [](auto& tensors) { named(tensors, "lm_head.weight").shape = {64, 320}; };
  test::require_parts(refusal(options), {"wrong shape", "lm_head.weight", "[320, 64]", "[64, 320]"});
}

TEST_CASE("Dead buffers are noted and ignored") {
  TinyModelOptions options;
  options.edit_tensors = [](auto& tensors) {
    tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {16}, std::string(64, '\0')});
  };
  const Model model = loaded(options);
  CHECK(model.parameters.size() == 24);
  REQUIRE(model.notes.size() == 1);
  test::require_parts(model.notes[0], {"ignored", "rotary_emb.inv_freq"});
}

TEST_CASE("A hostile tensor name does not flood the message") {
  TinyModelOptions options;
  options.edit_tensors = [](auto& tensors) {
    erase(tensors, kQ);
    tensors.push_back({std::string(1'000'000, 'x'), "U8", {1}, "x"});
  };
  CHECK(refusal(options).size() < 1000);
}

TEST_CASE("A digest tells values, shape and dtype apart") {
  const std::vector<double> values = {1.0, 2.0, 3.0, 4.0};
  const Tensor tensor = Tensor::from_values(DType::bf16, {2, 2}, values);
  CHECK(digest(tensor.view()).size() == 32);
  CHECK(digest(tensor.view()) == digest(Tensor::from_values(DType::bf16, {2, 2}, values).view()));
  CHECK(digest(tensor.view()) != digest(Tensor::from_values(DType::bf16, {4}, values).view()));
  CHECK(digest(tensor.view()) != digest(TensorView{DType::f16, {2, 2}, tensor.data()}));
  CHECK(digest(tensor.view()) !=
        digest(Tensor::from_values(DType::bf16, {2, 2}, std::vector{1.0, 2.0, 3.0, 5.0}).view()));
}

}  // namespace plumbline
