// SPDX-License-Identifier: Apache-2.0
// A tiny Llama, written as llama.cpp's converter would, comes back as it was; whatever would make it another is
// refused.
#include "model/gguf_import.h"

#include <plumbline/error.h>
#include <plumbline/model.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "model/gguf_rope.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/raw_gguf.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

using test::raw;
using test::RawGguf;

test::TinyModelOptions small() {
  test::TinyModelOptions options;
  options.llama = true;
  options.tied = false;
  return options;
}

RawGguf gguf_of(const test::TinyModelOptions& options) {
  return test::gguf_of_llama(test::tiny_config(options), test::tiny_tensors(options));
}

GgufImported import_file(const test::TempDirectory& directory, const RawGguf& file, DType dtype = DType::bf16,
                         bool tokenizer = true) {
  test::write_file(directory / "m.gguf", test::gguf_bytes(file));
  return import_gguf({directory / "m.gguf", directory / "out", dtype, tokenizer});
}

std::string refused(const RawGguf& file, DType dtype = DType::bf16) {
  const test::TempDirectory directory;
  const std::string message = test::error_text<CheckpointError>([&] { import_file(directory, file, dtype); });
  CHECK_FALSE(std::filesystem::exists(directory / "out"));
  CHECK_FALSE(std::filesystem::exists(directory / "out.part"));
  return message;
}

/// Every parameter, in f32.
std::map<std::string, std::vector<double>> values_of(const Model& model) {
  std::map<std::string, std::vector<double>> values;
  for (const auto& [name, tensor] : model.parameters) values[name] = to_values(tensor.view());
  return values;
}

}  // namespace

TEST_CASE("a model that was stored in BF16 comes back bit for bit, its config and tokenizer too") {
  std::vector<test::TinyModelOptions> rows(4, small());
  rows[1].tied = true;
  rows[1].heads = 3, rows[1].kv_heads = 1, rows[1].hidden = 36, rows[1].head_dim = 12, rows[1].intermediate = 21;
  rows[2].attention_bias = rows[2].mlp_bias = true;
  rows[3].rope_theta = 5e5;
  rows[3].rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0};
  for (const test::TinyModelOptions& options : rows) {
    const test::TempDirectory original = test::write_tiny_model(options), directory;
    const Model expected = load_model(original.path());
    const GgufImported done = import_file(directory, gguf_of(options));
    const Model model = load_model(directory / "out");
    CHECK(model.parameters.size() == expected.parameters.size());
    for (const auto& [name, tensor] : expected.parameters) {
      INFO(name);
      REQUIRE(model.parameters.contains(name));
      CHECK(digest(model.parameters.at(name).view()) == digest(tensor.view()));
    }
    CHECK(to_json(model.graph) == to_json(expected.graph));
    CHECK(model.config.max_positions == expected.config.max_positions);
    CHECK(done.cast->changed == 0);
    CHECK(done.turned == (options.attention_bias ? 8 : 4));
    CHECK(done.scaling.empty() == !options.rope_scaling.has_value());
    const Tokenizer tokenizer = Tokenizer::load(directory / "out");
    CHECK(tokenizer.encode("a\xff") == std::vector<int64_t>{'a', 255});
    CHECK(tokenizer.decode({256}) == "<|endoftext|>");
  }
}

TEST_CASE("as f32 every number is as ggml widens it, and the directory says where it came from") {
  const test::TinyModelOptions options = small();
  const test::TempDirectory original = test::write_tiny_model(options), directory;
  RawGguf file = gguf_of(options);
  file.set("general.name", test::gguf_text("tiny"));
  const GgufImported done = import_file(directory, file, DType::f32);
  CHECK_FALSE(done.cast.has_value());
  CHECK(done.types == std::map<std::string, int64_t>{{"BF16", 16}, {"F32", 5}});
  const Model model = load_model(directory / "out");
  CHECK(model.config.dtype == DType::f32);
  CHECK(values_of(model) == values_of(load_model(original.path())));
  const auto origin = nlohmann::json::parse(test::read_file(directory / "out/plumbline_import.json"));
  CHECK(origin.at("source").at("file") == "m.gguf");
  CHECK(origin.at("source").at("xxh3_128").get<std::string>().size() == 32);
  CHECK(origin.at("general").at("general.name") == "tiny");
  CHECK(origin.at("dtype") == "f32");
  CHECK(origin.at("tensors").size() == 21);
  int64_t moved = 0;
  for (const auto& tensor : origin.at("tensors")) moved += tensor.contains("rows") ? 1 : 0;
  CHECK(moved == 4);
}

TEST_CASE("bf16 rounds once to nearest even, counts what changed and never makes an infinity") {
  const test::TinyModelOptions options = small();
  RawGguf file = gguf_of(options);
  // A tie towards the even neighbour below, one towards the even one above, and a number that becomes zero.
  const uint32_t bits[] = {0x3F808000, 0x3F818000, 0x00000001};
  std::memcpy(file.tensor("output_norm.weight").bytes.data(), bits, sizeof bits);
  const test::TempDirectory directory;
  const GgufImported done = import_file(directory, file);
  CHECK(done.cast->changed == 3);
  CHECK(done.cast->vanished == 1);
  const Tensor norm = load_model(directory / "out").parameters.at("model.norm.weight");
  uint16_t rounded[3];
  std::memcpy(rounded, norm.data(), sizeof rounded);
  CHECK(rounded[0] == 0x3F80);
  CHECK(rounded[1] == 0x3F82);
  CHECK(rounded[2] == 0x0000);
  const uint32_t largest = 0x7F7FFFFF;
  std::memcpy(file.tensor("output_norm.weight").bytes.data() + 4 * 5, &largest, sizeof largest);
  test::require_parts(refused(file), {"overflow in bf16", "tensor  output_norm.weight",
                                      "element 5 (flat) of model.norm.weight", "3.40282347e+38", "import it as f32"});
}

TEST_CASE("a key that is wrong, missing or unknown is refused by name") {
  struct Row {
    std::string key, value;  ///< "": the key is taken away
    std::vector<std::string> parts;
  };
  const std::vector<Row> rows = {
      {"general.architecture",
       test::gguf_text("qwen3"),
       {"architecture is not imported", "\"qwen3\"", "needed  \"llama\""}},
      {"general.architecture", "", {"a key is missing"}},
      {"general.type", test::gguf_text("adapter"), {"no whole model"}},
      {"split.count", test::gguf_u32(3), {"one part of several", "found   3", "--merge"}},
      {"llama.block_count", "", {"a key is missing", "no such key", "from 1 to 10000"}},
      {"llama.block_count", test::gguf_u32(0), {"cannot be used", "found   0"}},
      {"llama.block_count", test::gguf_text("2"), {"cannot be used", "found   \"2\""}},
      {"llama.block_count",
       test::gguf_u32(3),
       {"a tensor is missing", "tensor  blk.2.attn_norm.weight", "model.layers.2.input_layernorm.weight [64]"}},
      {"llama.block_count", test::gguf_u32(1), {"has no place", "tensor  blk.1."}},
      {"llama.attention.head_count_kv", test::gguf_u32(3), {"a divisor of llama.attention.head_count, 4"}},
      {"llama.attention.head_count_kv", test::gguf_list(4, 1, raw(uint32_t{2})), {"found   a list of 1 u32"}},
      {"llama.attention.value_length", test::gguf_u32(16), {"heads of several widths", "needed  32"}},
      {"llama.rope.dimension_count", test::gguf_u32(16), {"turned in part", "found   16"}},
      {"llama.attention.layer_norm_rms_epsilon", "", {"a key is missing", "a finite number above 0"}},
      {"llama.attention.layer_norm_rms_epsilon", test::gguf_f32(-1.0F), {"found   -1"}},
      {"llama.rope.freq_base", test::gguf_f32(std::numeric_limits<float>::quiet_NaN()), {"cannot be used", "nan"}},
      {"llama.rope.scaling.type", test::gguf_text("yarn"), {"rope scaling is not imported", "\"yarn\""}},
      {"llama.rope.scaling.factor", test::gguf_f32(4.0F), {"rope scaling is not imported", "absent or 1"}},
      {"llama.attention.sliding_window", test::gguf_u32(4096), {"may change what the model computes", "found   4096"}},
      {"llama.expert_count", test::gguf_u32(8), {"mixture of experts", "absent or 0"}},
      {"llama.vocab_size", test::gguf_u32(300), {"contradicts a tensor", "320, the rows of token_embd.weight"}},
      {"llama.feed_forward_length",
       test::gguf_u32(97),
       {"another shape", "tensor  blk.0.ffn_gate.weight", "[96, 64]", "[97, 64]"}},
      {"tokenizer.ggml.model", test::gguf_text("llama"), {"tokenizer is not imported", "\"gpt2\"", "--no-tokenizer"}},
      {"tokenizer.ggml.pre",
       test::gguf_text("tekken"),
       {"into words is not known", "\"smollm\", \"gpt-2\", \"llama-bpe\""}},
      {"tokenizer.ggml.pre", "", {"into words is not known", "no such key"}},
      {"tokenizer.ggml.add_space_prefix", test::gguf_bool(true), {"a blank before the text"}},
      {"tokenizer.ggml.add_bos_token", test::gguf_bool(true), {"a key is missing", "tokenizer.ggml.bos_token_id"}},
      {"tokenizer.ggml.eos_token_id", test::gguf_u32(320), {"from 0 to 319", "found   320"}},
      {"tokenizer.ggml.eos_token_id", test::gguf_u32(300), {"a token that is not used"}},
      {"tokenizer.ggml.tokens", test::gguf_texts({"a", "b"}), {"as many as the embedding has rows", "a list of 320"}},
      {"tokenizer.ggml.token_type", test::gguf_list(5, 1, raw(int32_t{1})), {"a list of 320 i32"}},
      {"tokenizer.ggml.merges", test::gguf_texts({"a b"}), {"two tokens that give a third", "merge   a b"}},
      {"tokenizer.ggml.merges", test::gguf_texts({"a"}), {"two tokens that give a third"}},
      {"tokenizer.chat_template", test::gguf_text("\xff"), {"a text in UTF-8", "found   \"\\xff\""}},
      {"tokenizer.chat_template", test::gguf_u32(1), {"a text in UTF-8", "found   1"}},
  };
  for (const Row& row : rows) {
    INFO(row.key);
    RawGguf file = gguf_of(small());
    row.value.empty() ? file.drop(row.key) : file.set(row.key, row.value);
    const std::string message = refused(file);
    const bool about_another = message.find("tensor  ") != std::string::npos || row.key.ends_with("add_bos_token");
    CHECK((about_another || message.find(row.key) != std::string::npos));
    for (const std::string& part : row.parts) test::require_parts(message, {part});
    test::require_parts(message, {"m.gguf"});
  }
}

TEST_CASE("a token that cannot be written, and tensors that do not fit, are refused by name") {
  struct Row {
    std::function<void(RawGguf&)> change;
    std::vector<std::string> parts;
  };
  const auto tokens = [](size_t id, const std::string& text) {
    return [=](RawGguf& file) {
      std::vector<std::string> all;
      for (int i = 0; i < 320; ++i) all.push_back("t" + std::to_string(i));
      all[id] = text;
      file.set("tokenizer.ggml.tokens", test::gguf_texts(all));
    };
  };
  const std::vector<Row> rows = {
      {tokens(5, "t6"), {"two tokens are the same text", "token   t6", "ids     5, 6"}},
      {tokens(5, "\xc3("), {"no UTF-8", "\\xc3(", "id      5"}},
      {tokens(5, ""), {"a token is empty", "id      5"}},
      {[](RawGguf& f) { f.set("tokenizer.ggml.token_type", test::gguf_list(5, 320, std::string(4 * 320, '\6'))); },
       {"of a kind that a byte-level BPE has not", "id      0"}},
      {[](RawGguf& f) { std::erase_if(f.tensors, [](auto& t) { return t.name == "blk.1.ffn_up.weight"; }); },
       {"a tensor is missing", "blk.1.ffn_up.weight", "[96, 64]"}},
      {[](RawGguf& f) { std::erase_if(f.tensors, [](auto& t) { return t.name == "token_embd.weight"; }); },
       {"a tensor is missing", "token_embd.weight"}},
      {[](RawGguf& f) {
         f.tensors.push_back({"blk.0.attn_q_norm.weight", test::kF32, {1}, raw(1.0F)});
       },
       {"has no place", "tensor  blk.0.attn_q_norm.weight"}},
      {[](RawGguf& f) {
         f.tensors.push_back({"rope_freqs.weight", test::kF32, {1}, raw(1.0F)});
       },
       {"not those of Llama 3's scaling", "needed  16 F32"}},
      {[](RawGguf& f) {
         f.set("general.quantization_version", test::gguf_u32(1));
         f.tensor("token_embd.weight").type = test::kQ8_0;
         f.tensor("token_embd.weight").bytes.resize(320 * 2 * 34);
       },
       {"another layout", "general.quantization_version", "found   1"}},
  };
  for (const Row& row : rows) {
    RawGguf file = gguf_of(small());
    row.change(file);
    const std::string message = refused(file);
    for (const std::string& part : row.parts) test::require_parts(message, {part});
  }
}

TEST_CASE("a tokenizer that is not read can be left out") {
  RawGguf file = gguf_of(small());
  file.set("tokenizer.ggml.model", test::gguf_text("llama"));
  const test::TempDirectory directory;
  import_file(directory, file, DType::bf16, false);
  CHECK_FALSE(std::filesystem::exists(directory / "out/tokenizer.json"));
  CHECK(load_model(directory / "out").config.layers == 2);
}

TEST_CASE("kinds of tokens, merges, digits and the chat template reach the tokenizer's files") {
  RawGguf file = gguf_of(small());
  file.set("tokenizer.ggml.pre", test::gguf_text("smollm"));
  std::vector<std::string> tokens;
  std::string kinds;
  for (int i = 0; i < 320; ++i) {
    tokens.push_back(i == 0   ? "<|im_start|>"
                     : i == 1 ? "<tool>"
                     : i == 2 ? "a"
                     : i == 3 ? "b"
                     : i == 4 ? "ab"
                              : "[PAD" + std::to_string(i) + "]");
    kinds += raw(int32_t{i == 0 ? 3 : i == 1 ? 4 : i < 5 ? 1 : 5});
  }
  file.set("tokenizer.ggml.tokens", test::gguf_texts(tokens));
  file.set("tokenizer.ggml.token_type", test::gguf_list(5, 320, kinds));
  file.set("tokenizer.ggml.merges", test::gguf_texts({"a b"}));
  file.set("tokenizer.ggml.bos_token_id", test::gguf_u32(0));
  file.set("tokenizer.ggml.eos_token_id", test::gguf_u32(0));
  file.set("tokenizer.ggml.add_bos_token", test::gguf_bool(true));
  file.set("tokenizer.chat_template", test::gguf_text("{{ \"caf\xc3\xa9\" }}\n"));
  const test::TempDirectory directory;
  import_file(directory, file);
  const auto json = nlohmann::json::parse(test::read_file(directory / "out/tokenizer.json"));
  CHECK(json.at("model").at("vocab").size() == 5);
  CHECK(json.at("model").at("vocab").at("ab") == 4);
  CHECK(json.at("model").at("merges") == nlohmann::json{"a b"});
  REQUIRE(json.at("added_tokens").size() == 2);
  CHECK(json.at("added_tokens")[0].at("special") == true);
  CHECK(json.at("added_tokens")[1].at("content") == "<tool>");
  CHECK(json.at("added_tokens")[1].at("special") == false);
  CHECK(json.at("pre_tokenizer").at("pretokenizers")[0] ==
        nlohmann::json{{"type", "Digits"}, {"individual_digits", true}});
  CHECK(json.at("post_processor").at("special_tokens").at("<|im_start|>").at("ids") == nlohmann::json{0});
  const auto config = nlohmann::json::parse(test::read_file(directory / "out/tokenizer_config.json"));
  CHECK(config.at("chat_template") == "{{ \"caf\xc3\xa9\" }}\n");
  CHECK(config.at("bos_token") == "<|im_start|>");
  CHECK(nlohmann::json::parse(test::read_file(directory / "out/config.json")).at("bos_token_id") == 0);
}

TEST_CASE("names that are taken are refused, an empty directory is not") {
  const test::TempDirectory directory;
  std::filesystem::create_directory(directory / "out");
  import_file(directory, gguf_of(small()));
  CHECK(std::filesystem::exists(directory / "out/config.json"));
  const auto again = [&] { return test::error_text<UsageError>([&] { import_file(directory, gguf_of(small())); }); };
  test::require_parts(again(), {"exists and is no empty directory"});
  std::filesystem::remove_all(directory / "out");
  std::filesystem::create_directory(directory / "out.part");
  test::require_parts(again(), {"out.part exists", "remove it yourself"});
}

TEST_CASE("what comes into an empty directory meanwhile is not lost") {
  const test::TempDirectory directory;
  std::filesystem::create_directory(directory / "out");
  test::write_file(directory / "m.gguf", test::gguf_bytes(gguf_of(small())));
  const auto meanwhile = [&](auto&&...) { test::write_file(directory / "out/mine.txt", "mine"); };
  const std::string message = test::error_text<Error>([&] {
    import_gguf({directory / "m.gguf", directory / "out", DType::bf16, true}, meanwhile);
  });
  test::require_parts(message, {"out"});
  CHECK(test::read_file(directory / "out/mine.txt") == "mine");
  CHECK_FALSE(std::filesystem::exists(directory / "out.part"));
}

TEST_CASE("Llama 3's scaling is recognised by its factors alone, and only it") {
  // Llama-3.2-1B: D 64, theta 5e5, factor 32: pairs 0-14 kept, 15-17 blended, 18-31 divided.
  std::vector<float> factors(32, 1.0F);
  for (size_t pair = 15; pair < 32; ++pair) {
    const double turns = 8192.0 / (2.0 * 3.14159265358979323846 * std::pow(5e5, static_cast<double>(pair) / 32.0));
    const double smooth = (turns - 1.0) / 3.0;
    factors[pair] = pair < 18 ? static_cast<float>(1.0 / ((1.0 - smooth) / 32.0 + smooth)) : 32.0F;
  }
  CHECK(scaling_of_factors(factors, 5e5) == RopeScaling{32.0, 1.0, 4.0, 8192.0});
  CHECK_FALSE(scaling_of_factors(factors, 4e5).has_value());
  factors[16] *= 1.001F;
  CHECK_FALSE(scaling_of_factors(factors, 5e5).has_value());
  CHECK_FALSE(scaling_of_factors(std::vector<float>(32, 1.0F), 5e5).has_value());
  CHECK_FALSE(scaling_of_factors({}, 5e5).has_value());
  CHECK_FALSE(scaling_of_factors(std::vector<float>(1, 2.0F), 5e5).has_value());  // every original length fits
}

}  // namespace plumbline
