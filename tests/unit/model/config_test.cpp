// SPDX-License-Identifier: Apache-2.0
#include "model/config.h"

#include <functional>
#include <nlohmann/json.hpp>

#include <plumbline/error.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

using nlohmann::json;

ModelConfig parse(const json& config) { return parse_config(config.dump(), "some/config.json"); }
std::string refusal(const json& config) {
  return test::error_text<CheckpointError>([&] { parse(config); });
}

json old_keys() { return test::tiny_config({}); }
json new_keys() {
  test::TinyModelOptions options;
  options.new_config_keys = true;
  return test::tiny_config(options);
}

}  // namespace

TEST_CASE("Old and new spellings of the keys give the same config") {
  for (const json& keys : {old_keys(), new_keys()}) {
    const ModelConfig config = parse(keys);
    CHECK(config.architecture == "Qwen3ForCausalLM");
    CHECK(config.hidden == 64);
    CHECK(config.layers == 2);
    CHECK(config.heads == 4);
    CHECK(config.kv_heads == 2);
    CHECK(config.head_dim == 32);
    CHECK(config.intermediate == 96);
    CHECK(config.vocab == 320);
    CHECK(config.max_positions == 4096);
    CHECK(config.rope_theta == 1e6);
    CHECK(config.rms_eps == 1e-6);
    CHECK(config.tied);
    CHECK_FALSE(config.attention_bias);
    CHECK(config.dtype == DType::bf16);
    CHECK(config.json == keys.dump());
  }
}

TEST_CASE("Absent keys mean the family's defaults") {
  json keys = old_keys();
  for (const char* key : {"tie_word_embeddings", "attention_bias", "hidden_act", "model_type", "use_sliding_window",
                          "sliding_window", "max_position_embeddings", "rope_scaling", "head_dim"}) {
    keys.erase(key);
  }
  const ModelConfig config = parse(keys);
  CHECK_FALSE(config.tied);
  CHECK_FALSE(config.attention_bias);
  CHECK(config.max_positions == 32768);
  CHECK(config.head_dim == 128);  // Qwen3Config's own default, whatever hidden / heads is
}

TEST_CASE("A null head_dim means hidden / heads, and null kv heads mean as many as query heads") {
  json keys = old_keys();
  keys["head_dim"] = nullptr;
  keys["num_key_value_heads"] = nullptr;
  const ModelConfig config = parse(keys);
  CHECK(config.head_dim == 16);
  CHECK(config.kv_heads == 4);
}

TEST_CASE("Spellings that leave the arithmetic as it is are taken") {
  const std::vector<std::function<void(json&)>> edits = {
      [](json& c) {
        c["rope_scaling"] = {{"rope_type", "default"}};
      },
      [](json& c) {
        c["rope_scaling"] = {{"type", "default"}};
      },
      [](json& c) { c["sliding_window"] = 4096; },  // not in use
      [](json& c) {
        c["layer_types"] = {"full_attention", "full_attention"};
      },
      [](json& c) { c["rope_theta"] = 1000000; },
      [](json& c) { c["dtype"] = "bfloat16"; },
      [](json& c) {
        c["rope_parameters"] = {{"rope_theta", 1e6}, {"rope_type", "default"}};
      }};
  for (const auto& edit : edits) {
    json keys = old_keys();
    edit(keys);
    INFO(keys.dump());
    CHECK(parse(keys).rope_theta == 1e6);
  }
}

TEST_CASE("A key that asks for what no builder computes is refused by name") {
  struct Row {
    std::string key;
    json value;
    std::string part;
  };
  const std::vector<Row> rows = {
      {"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2.0}}, "rope_scaling.rope_type"},
      {"rope_scaling", {{"rope_type", "llama3"}, {"type", "yarn"}}, "rope_scaling.type"},
      {"rope_scaling", {{"type", "yarn"}}, "rope_scaling.type"},
      {"rope_scaling", {{"factor", 4.0}}, "rope_scaling.factor"},
      {"rope_scaling", json::object(), "rope_scaling"},
      {"rope_parameters", {{"rope_theta", 1e6}, {"rope_type", "dynamic"}}, "rope_parameters.rope_type"},
      {"rope_parameters", {{"rope_theta", 1e4}, {"rope_type", "default"}}, "rope_theta"},  // 1e6 stands beside it
      {"layer_types", {"full_attention", "sliding_attention"}, "layer_types"},  // use_sliding_window is false
      {"layer_types", {"full_attention"}, "layer_types"},                       // of two layers
      {"layer_types", {"full_attention", "chunked_attention"}, "layer_types"},
      {"architectures", {"GPT2LMHeadModel"}, "Qwen3ForCausalLM, LlamaForCausalLM"},
      {"architectures", {"LlamaForCausalLM"}, "llama"},  // model_type qwen3 stands beside it
      {"model_type", "qwen2", "model_type"},
      {"partial_rotary_factor", 0.5, "partial_rotary_factor"},
      {"hidden_act", "gelu", "hidden_act"},
      {"quantization_config", {{"quant_method", "awq"}}, "quantization_config"},
      {"torch_dtype", "float64", "torch_dtype"},
      {"dtype", "float16", "torch_dtype"},  // bfloat16 stands beside it
      {"num_key_value_heads", 3, "num_key_value_heads"},
      {"head_dim", 31, "head_dim"}};
  for (const Row& row : rows) {
    json keys = old_keys();
    keys[row.key] = row.value;
    INFO(row.key << " = " << row.value.dump());
    test::require_parts(refusal(keys), {"some/config.json", row.part, "supported"});
  }
}

TEST_CASE("The first line of a refusal names key, value and what is supported") {
  struct Row {
    std::string key;
    json value;
    std::string said;
  };
  const Row rows[] = {
      {"hidden_act", "gelu", "hidden_act = \"gelu\"; supported: \"silu\""},
      {"rope_scaling",
       {{"rope_type", "yarn"}},
       "rope_scaling.rope_type = \"yarn\"; supported: \"default\", \"llama3\", \"linear\""},
      {"hidden_size", -3, "hidden_size = -3; expected: an integer from 1"},
      {"architectures", {"GPT2LMHeadModel"}, "architectures = [\"GPT2LMHeadModel\"]; supported: one of Qwen3"},
  };
  for (const Row& row : rows) {
    json keys = old_keys();
    keys[row.key] = row.value;
    const std::string text = refusal(keys);
    INFO(text);
    CHECK(text.substr(0, text.find('\n')).find(row.said) != std::string::npos);
  }
}

TEST_CASE("Llama: absent keys mean the family's own defaults") {
  test::TinyModelOptions options;
  options.llama = true;
  json keys = test::tiny_config(options);
  for (const char* key : {"tie_word_embeddings", "attention_bias", "mlp_bias", "model_type", "max_position_embeddings",
                          "rope_scaling", "rope_theta", "head_dim", "num_key_value_heads"}) {
    keys.erase(key);
  }
  const ModelConfig config = parse(keys);
  CHECK(config.architecture == "LlamaForCausalLM");
  CHECK(config.rope_theta == 1e4);  // as in Llama 2's own checkpoints
  CHECK_FALSE(config.tied);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK(config.max_positions == 2048);
  CHECK(config.head_dim == 16);  // hidden / heads, unlike Qwen3's 128
  CHECK(config.kv_heads == 4);
  CHECK_FALSE(config.rope_scaling);
  keys["head_dim"] = 32;
  keys["mlp_bias"] = true;
  CHECK(parse(keys).head_dim == 32);
  CHECK(parse(keys).mlp_bias);
}

TEST_CASE("Qwen2: q, k and v have a bias that no key names, and absent keys mean its class's defaults") {
  json keys = test::tiny_config({.heads = 32, .family = "qwen2"});
  for (const char* key : {"tie_word_embeddings", "attention_bias", "model_type", "max_position_embeddings", "head_dim",
                          "num_key_value_heads", "sliding_window", "use_sliding_window"}) {
    keys.erase(key);
  }
  const ModelConfig config = parse(keys);
  CHECK(config.architecture == "Qwen2ForCausalLM");
  CHECK(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK_FALSE(config.tied);
  CHECK(config.max_positions == 32768);
  CHECK(config.head_dim == 2);   // hidden / heads
  CHECK(config.kv_heads == 32);  // Qwen2Config's own number
  CHECK(config.windows.empty());
  keys["num_key_value_heads"] = nullptr;
  CHECK(parse(keys).kv_heads == 32);
  keys["num_attention_heads"] = 4;
  CHECK(parse(keys).kv_heads == 4);
  keys.erase("num_key_value_heads");
  test::require_parts(refusal(keys), {"num_key_value_heads", "a divisor of num_attention_heads, 4", "means 32"});
  keys["num_key_value_heads"] = 2;
  keys.erase("rope_theta");
  test::require_parts(refusal(keys), {"lacks rope_theta"});
}

TEST_CASE("Windows of Qwen2 and Qwen3 are those of their classes' keys") {
  struct Row {
    json keys;
    std::vector<int64_t> windows;
  };
  const std::vector<std::string> mixed = {"sliding_attention", "full_attention", "full_attention"};
  const Row rows[] = {
      {{{"use_sliding_window", false}, {"sliding_window", 8}, {"max_window_layers", 0}}, {}},
      {{{"use_sliding_window", true}, {"sliding_window", nullptr}, {"max_window_layers", 0}}, {}},
      {{{"use_sliding_window", true}, {"sliding_window", 8}}, {}},  // 28 layers before the first window
      {{{"use_sliding_window", true}, {"sliding_window", 8}, {"max_window_layers", 0}}, {8, 8, 8}},
      {{{"use_sliding_window", true}, {"sliding_window", 8}, {"max_window_layers", 2}}, {0, 0, 8}},
      {{{"use_sliding_window", true}, {"sliding_window", 8}, {"max_window_layers", 0}, {"layer_types", mixed}},
       {8, 0, 0}},
  };
  for (const std::string family : {"qwen2", "qwen3"}) {
    for (const Row& row : rows) {
      json keys = test::tiny_config({.layers = 3, .family = family});
      keys.update(row.keys);
      INFO(keys.dump());
      CHECK(parse(keys).windows == row.windows);
    }
    json absent = test::tiny_config({.layers = 1, .family = family});
    absent.update({{"use_sliding_window", true}, {"max_window_layers", 0}});
    absent.erase("sliding_window");
    CHECK(parse(absent).windows == std::vector<int64_t>{4096});
    absent["sliding_window"] = 0;
    test::require_parts(refusal(absent), {"sliding_window", "an integer from 1"});
  }
}

TEST_CASE("Mistral: one window for all layers, 4096 without the key and none if it is null; biases have no key") {
  json keys = test::tiny_config({.family = "mistral"});  // the window is null there
  for (const char* key : {"tie_word_embeddings", "attention_bias", "max_position_embeddings", "head_dim", "rope_theta"})
    keys.erase(key);
  ModelConfig config = parse(keys);
  CHECK(config.windows.empty());
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK_FALSE(config.tied);
  CHECK(config.rope_theta == 1e4);
  CHECK(config.max_positions == 131072);
  CHECK(config.head_dim == 16);   // hidden / heads
  keys["attention_bias"] = true;  // MistralAttention reads no such key
  CHECK_FALSE(parse(keys).attention_bias);
  keys["layer_types"] = {"full_attention", "full_attention"};
  CHECK(parse(keys).windows.empty());
  keys["sliding_window"] = 7;
  test::require_parts(refusal(keys), {"layer_types", "\"sliding_attention\" in every layer"});
  keys.erase("layer_types");
  CHECK(parse(keys).windows == std::vector<int64_t>{7, 7});
  keys.erase("sliding_window");
  CHECK(parse(keys).windows == std::vector<int64_t>{4096, 4096});
  keys.erase("num_key_value_heads");
  test::require_parts(refusal(keys), {"num_key_value_heads", "means 8"});
}

TEST_CASE("ERNIE 4.5, by both names: tied, head_dim 128 and theta 5e5 without their keys, use_bias for all biases") {
  for (const std::string name : {"Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM"}) {
    json keys = test::tiny_config({.rms_eps = 1e-5, .family = "ernie4_5"});
    keys["architectures"] = {name};
    for (const char* key : {"tie_word_embeddings", "max_position_embeddings", "head_dim", "rope_theta",
                            "num_key_value_heads", "use_bias"})
      keys.erase(key);
    keys["attention_bias"] = true;  // means nothing to this family
    const ModelConfig config = parse(keys);
    CHECK(config.architecture == name);
    CHECK(config.tied);
    CHECK(config.head_dim == 128);
    CHECK(config.kv_heads == 2);
    CHECK(config.rope_theta == 5e5);
    CHECK(config.max_positions == 131072);
    CHECK_FALSE(config.attention_bias);
    CHECK_FALSE(config.mlp_bias);
    keys["use_bias"] = true;
    CHECK(parse(keys).attention_bias);
    CHECK(parse(keys).mlp_bias);
    keys["tie_word_embeddings"] = false;
    CHECK_FALSE(parse(keys).tied);
    keys["head_dim"] = nullptr;
    CHECK(parse(keys).head_dim == 16);
    keys["model_type"] = "ernie4_5_moe";
    test::require_parts(refusal(keys), {"model_type", "\"ernie4_5\""});
  }
}

TEST_CASE("A window that the family has not is refused by name") {
  json keys = test::tiny_config({.family = "llama"});
  keys["use_sliding_window"] = true;
  test::require_parts(refusal(keys), {"use_sliding_window", "false"});
  keys["use_sliding_window"] = false;
  keys["layer_types"] = {"full_attention", "sliding_attention"};
  test::require_parts(refusal(keys), {"layer_types", "\"full_attention\" in every layer"});
}

TEST_CASE("llama3 rope scaling is read from old and new keys alike") {
  const RopeScaling scaling{8.0, 1.0, 4.0, 512.0};
  for (const bool llama : {true, false}) {
    for (const bool new_keys : {true, false}) {
      test::TinyModelOptions options;
      options.llama = llama;
      options.rope_scaling = scaling;
      options.new_config_keys = new_keys;
      json keys = test::tiny_config(options);
      CHECK(parse(keys).rope_scaling == scaling);
      CHECK(parse(keys).rope_theta == 1e6);
      json& rope = keys[new_keys ? "rope_parameters" : "rope_scaling"];
      rope["type"] = rope["rope_type"];  // the older name
      CHECK(parse(keys).rope_scaling == scaling);
      rope.erase("rope_type");
      CHECK(parse(keys).rope_scaling == scaling);
      rope.erase("original_max_position_embeddings");  // then the model's own length, as in transformers
      CHECK(parse(keys).rope_scaling->original_positions == 4096.0);
      keys["original_max_position_embeddings"] = 256;
      CHECK(parse(keys).rope_scaling->original_positions == 256.0);
    }
  }
}

TEST_CASE("A llama3 rope scaling that is incomplete, out of range or said in two ways is refused by name") {
  struct Row {
    std::string key;
    json value;  // null: the key is taken away
    std::string part;
  };
  test::TinyModelOptions options;
  options.rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0};
  const std::vector<Row> rows = {
      {"factor", nullptr, "rope_scaling.factor"},
      {"low_freq_factor", nullptr, "rope_scaling.low_freq_factor"},
      {"high_freq_factor", "4", "rope_scaling.high_freq_factor"},
      {"high_freq_factor", 1.0, "rope_scaling.high_freq_factor"},
      {"low_freq_factor", 0.0, "rope_scaling.low_freq_factor"},
      {"original_max_position_embeddings", 0, "rope_scaling.original_max_position_embeddings"},
      {"partial_rotary_factor", 0.5, "rope_scaling.partial_rotary_factor"}};
  for (const Row& row : rows) {
    json keys = test::tiny_config(options);
    keys["rope_scaling"][row.key] = row.value;
    INFO(row.key << " = " << row.value.dump());
    test::require_parts(refusal(keys), {"some/config.json", row.part});
  }
  json both = test::tiny_config(options);
  both["rope_parameters"] = both["rope_scaling"];
  CHECK(parse(both).rope_scaling == options.rope_scaling);
  both["rope_parameters"]["factor"] = 4.0;
  test::require_parts(refusal(both), {"rope_scaling", "what rope_parameters says"});
  json outside = test::tiny_config(options);
  outside["original_max_position_embeddings"] = 1024;
  test::require_parts(refusal(outside), {"original_max_position_embeddings", "1024"});
}

TEST_CASE("A key of the wrong type or out of range is refused by name, with its value") {
  struct Row {
    std::string key;
    json value;
  };
  const std::vector<Row> rows = {{"hidden_size", "64"},
                                 {"hidden_size", 64.0},
                                 {"hidden_size", 0},
                                 {"hidden_size", -64},
                                 {"hidden_size", uint64_t{18446744073709551615u}},
                                 {"vocab_size", int64_t{1} << 40},
                                 {"num_hidden_layers", 1'000'000},
                                 {"num_attention_heads", json::array({4})},
                                 {"head_dim", "32"},
                                 {"rms_norm_eps", "1e-6"},
                                 {"rms_norm_eps", 0.0},
                                 {"rope_theta", -1.0},
                                 {"rope_theta", false},
                                 {"tie_word_embeddings", "true"},
                                 {"attention_bias", 0},
                                 {"torch_dtype", 16},
                                 {"hidden_act", 1},
                                 {"architectures", "Qwen3ForCausalLM"},
                                 {"architectures", json::array()},
                                 {"layer_types", "full_attention"},
                                 {"rope_scaling", "yarn"},
                                 {"rope_parameters", 1e6}};
  for (const Row& row : rows) {
    json keys = old_keys();
    keys[row.key] = row.value;
    INFO(row.key << " = " << row.value.dump());
    test::require_parts(refusal(keys), {"some/config.json", row.key, row.value.dump(), "expected"});
  }
}

TEST_CASE("A key that has no default must be present") {
  for (const std::string key : {"architectures", "hidden_size", "num_hidden_layers", "num_attention_heads",
                                "intermediate_size", "vocab_size", "rms_norm_eps", "rope_theta", "torch_dtype"}) {
    json keys = old_keys();
    keys.erase(key);
    test::require_parts(refusal(keys), {"some/config.json", "lacks " + key});
  }
}

TEST_CASE("A config that is no JSON object is refused") {
  for (const std::string text : {"", "{", "[]", "null", "{\"hidden_size\": 64, \"hidden_size\": 65}", "\xff\xfe"}) {
    INFO(text);
    test::require_parts(test::error_text<CheckpointError>([&] { parse_config(text, "some/config.json"); }),
                        {"some/config.json"});
  }
}

}  // namespace plumbline
