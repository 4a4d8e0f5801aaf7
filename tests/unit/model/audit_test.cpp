// SPDX-License-Identifier: Apache-2.0
// Every rule of the audit: a checkpoint with that defect has the finding, and no other; sound ones have none.
#include "model/audit.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>

#include <plumbline/error.h>

#include "core/random.h"
#include "support/catch.h"
#include "support/families.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

using Tensors = std::vector<RawTensor>;
const std::string kLayer1 = "model.layers.1.", kK = kLayer1 + "self_attn.k_proj.weight";

RawTensor& named(Tensors& tensors, const std::string& name) {
  for (RawTensor& tensor : tensors)
    if (tensor.name == name) return tensor;
  FAIL("no tensor " << name);
  return tensors.front();
}

void put(RawTensor& tensor, size_t first, size_t count, uint16_t pattern) {
  for (size_t i = first; i < first + count; ++i) std::memcpy(tensor.bytes.data() + 2 * i, &pattern, sizeof pattern);
}

RawTensor bf16_tensor(std::string name, std::vector<int64_t> shape, uint16_t pattern) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  RawTensor tensor{std::move(name), "BF16", std::move(shape), std::string(static_cast<size_t>(2 * count), '\0')};
  put(tensor, 0, static_cast<size_t>(count), pattern);
  return tensor;
}

AuditReport audited(const TinyModelOptions& options) { return audit_checkpoint(write_tiny_model(options).path(), 2); }

std::string described(const AuditReport& report) {
  std::string out;
  for (const AuditFinding& finding : report.findings) {
    out += finding.title + " (" + (finding.tensors.empty() ? "" : finding.tensors.front()) + "):";
    for (const std::string& line : finding.evidence) out += " " + line + ";";
    out += "\n";
  }
  return out;
}

struct Row {
  const char* what;
  AuditRule rule;
  AuditLevel level;
  std::string tensor;
  std::string evidence;
  std::function<void(TinyModelOptions&)> damage;
};

template <class Edit>
std::function<void(TinyModelOptions&)> tensors(const Edit& edit) {
  return [edit](TinyModelOptions& options) { options.edit_tensors = edit; };
}

constexpr AuditLevel kError = AuditLevel::error, kWarning = AuditLevel::warning;

std::vector<Row> rows() {
  return {
      {"a parameter is gone", AuditRule::missing, kError, kLayer1 + "mlp.up_proj.weight",
       "config.json implies [96, 64]",
       tensors([](Tensors& t) { std::erase_if(t, [](auto& x) { return x.name == kLayer1 + "mlp.up_proj.weight"; }); })},
      {"an untied head is gone", AuditRule::head_missing, kError, "lm_head.weight", "tie_word_embeddings is false",
       [](TinyModelOptions& o) {
         o.tied = false;
         o.edit_tensors = [](Tensors& t) { std::erase_if(t, [](auto& x) { return x.name == "lm_head.weight"; }); };
       }},
      {"the key that ties is absent", AuditRule::head_missing, kError, "lm_head.weight", "not in config.json",
       [](TinyModelOptions& o) { o.edit_config = [](nlohmann::json& c) { c.erase("tie_word_embeddings"); }; }},
      {"a bias that the config denies", AuditRule::denied_bias, kError, kLayer1 + "self_attn.q_proj.bias",
       "attention_bias is false", tensors([](Tensors& t) {
         RawTensor bias = bf16_tensor(kLayer1 + "self_attn.q_proj.bias", {128}, 0x3C00);
         put(bias, 0, 7, 0x3C11);
         t.push_back(bias);
       })},
      {"a layer that the config does not count", AuditRule::unused, kError, "model.layers.2.input_layernorm.weight",
       "config.json has 2 layers", tensors([](Tensors& t) {
         RawTensor norm = bf16_tensor("model.layers.2.input_layernorm.weight", {64}, 0x3F80);
         put(norm, 0, 3, 0x3F81);
         t.push_back(norm);
       })},
      {"NaN", AuditRule::nonfinite, kError, kK, "1 NaN, 2 infinite", tensors([](Tensors& t) {
         put(named(t, kK), 5, 1, 0x7FC1);
         put(named(t, kK), 9, 2, 0xFF80);
       })},
      {"1e29 as in the notes", AuditRule::unwritten, kError, kK, "passes f32's range",
       tensors([](Tensors& t) { put(named(t, kK), 100, 20, 0x6FA2); })},
      {"raw memory", AuditRule::unwritten, kError, kK, "below 2^-64", tensors([](Tensors& t) {
         SplitMix64 random(5);
         for (char& byte : named(t, kK).bytes) byte = static_cast<char>(random.next());
         for (size_t i = 1; i < named(t, kK).bytes.size(); i += 2)
           named(t, kK).bytes[i] &= '\x5F';  // finite, below 2^64
       })},
      {"large, but no square overflows", AuditRule::unwritten, kWarning, kK, "1 magnitudes from 2^19 on",
       tensors([](Tensors& t) { put(named(t, kK), 3, 1, 0x4980); })},  // 2^20
      {"all zero", AuditRule::constant, kError, kK, "4096 elements, all 0",
       tensors([](Tensors& t) { put(named(t, kK), 0, 4096, 0); })},
      {"a debug heap's fill", AuditRule::constant, kError, kK, "0xCD",
       tensors([](Tensors& t) { put(named(t, kK), 0, 4096, 0xCDCD); })},
      {"a norm of ones", AuditRule::constant, kWarning, kLayer1 + "input_layernorm.weight", "begins its training",
       tensors([](Tensors& t) { put(named(t, kLayer1 + "input_layernorm.weight"), 0, 64, 0x3F80); })},
      {"a half that was not written", AuditRule::repeated_value, kWarning, kK, "50.0 % of the elements are 0",
       tensors([](Tensors& t) { put(named(t, kK), 0, 2048, 0); })},
      {"one written in the place of another", AuditRule::equal_tensors, kWarning,
       "model.layers.0.self_attn.k_proj.weight", "equal bit for bit",
       tensors([](Tensors& t) { named(t, kK).bytes = named(t, "model.layers.0.self_attn.k_proj.weight").bytes; })},
      {"tied, and another head", AuditRule::other_head, kError, "lm_head.weight", "tie_word_embeddings is true",
       [](TinyModelOptions& o) {
         o.store_tied_head = true;
         o.edit_tensors = [](Tensors& t) { put(named(t, "lm_head.weight"), 0, 1, 0x3C00); };
       }},
      {"head_dim as hidden / heads", AuditRule::shape, kError, "model.layers.0.self_attn.q_proj.weight",
       "as stored a head has 32 channels; config.json gives head_dim 16",
       [](TinyModelOptions& o) { o.edit_config = [](nlohmann::json& c) { c["head_dim"] = 16; }; }},
      {"a shape turned", AuditRule::shape, kError, kLayer1 + "mlp.down_proj.weight", "fits transposed",
       tensors([](Tensors& t) {
         named(t, kLayer1 + "mlp.down_proj.weight").shape = {96, 64};
       })},
      {"the class's default theta", AuditRule::theta, kWarning, "", "the default of transformers' class",
       [](TinyModelOptions& o) { o.rope_theta = 1e4; }},
      {"an embedding scaled twice", AuditRule::small_embedding, kWarning, "model.embed_tokens.weight",
       "the first norm gives", [](TinyModelOptions& o) { o.rms_eps = 1.0; }},
  };
}

}  // namespace

TEST_CASE("a sound checkpoint has no finding, in every layout") {
  std::vector<TinyModelOptions> sound(8);
  sound[1].llama = true;
  sound[1].rope_theta = 5e5;
  sound[2].tied = false;
  sound[3].store_tied_head = true;
  sound[4].attention_bias = true;
  sound[5].dtype = "float32";
  sound[6].dtype = "float16";
  sound[7].shards = 3;
  for (const FamilyRow& family : families()) sound.insert(sound.end(), family.models.begin(), family.models.end());
  for (size_t i = 0; i < sound.size(); ++i) {
    const AuditReport report = audited(sound[i]);
    INFO(i << "\n" << described(report));
    CHECK(report.findings.empty());
    CHECK(report.present == report.expected);
    CHECK(report.expected >= 14);
    for (const AuditedTensor& tensor : report.tensors) CHECK(tensor.statistics);
  }
}

TEST_CASE("each defect has its finding, and no other tensor is accused") {
  for (const Row& row : rows()) {
    TinyModelOptions options;
    row.damage(options);
    const AuditReport report = audited(options);
    INFO(row.what << "\n" << described(report));
    bool found = false;
    for (const AuditFinding& finding : report.findings) {
      // Shapes are one finding for each kind of tensor.
      CHECK(finding.rule == row.rule);
      if (finding.rule != row.rule || (finding.tensors.empty() ? "" : finding.tensors.front()) != row.tensor) continue;
      found = true;
      CHECK(finding.level == row.level);
      CHECK(!finding.help.empty());
      CHECK(described(report).find(row.evidence) != std::string::npos);
    }
    CHECK(found);
    CHECK(report.findings.size() <= (row.rule == AuditRule::shape ? 6 : 1));
  }
}

TEST_CASE("a bias of memory that was never written is denied and unwritten") {
  const AuditReport report = audited({.edit_tensors = [](Tensors& t) {
    RawTensor bias = bf16_tensor(kLayer1 + "self_attn.k_proj.bias", {64}, 0x7145);
    put(bias, 1, 31, 0xF0C8);
    put(bias, 40, 9, 0);
    t.push_back(bias);
  }});
  INFO(described(report));
  REQUIRE(report.findings.size() == 2);
  CHECK(report.findings[0].rule == AuditRule::denied_bias);
  CHECK(report.findings[1].rule == AuditRule::unwritten);
}

TEST_CASE("mixed dtypes are one finding that counts them") {
  const AuditReport report = audited({.edit_tensors = [](Tensors& t) {
    RawTensor& norm = named(t, "model.norm.weight");
    norm.dtype = "F16";  // the same bytes read otherwise; still finite
  }});
  INFO(described(report));
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].rule == AuditRule::dtype);
  CHECK(report.findings[0].tensors == std::vector<std::string>{"model.norm.weight"});
  CHECK(described(report).find("1 of 24 parameters are f16; config.json says bf16") != std::string::npos);
}

TEST_CASE("a checkpoint of other names has nothing audited") {
  const AuditReport report = audited({.edit_tensors = [](Tensors& t) {
    for (RawTensor& tensor : t) tensor.name = "transformer." + tensor.name;
  }});
  CHECK(report.present == 0);
  CHECK(report.count(AuditLevel::error) > 0);
}

TEST_CASE("index and shards that contradict each other are findings, not the end") {
  TinyModelOptions options;
  options.shards = 2;
  const TempDirectory model = write_tiny_model(options);
  const std::string first = "model-00001-of-00002.safetensors", second = "model-00002-of-00002.safetensors";
  const auto index_file = model / "model.safetensors.index.json";
  nlohmann::json index = nlohmann::json::parse(read_file(index_file));
  const std::string moved = "model.norm.weight";
  REQUIRE(index["weight_map"][moved] == second);
  index["weight_map"][moved] = first;
  write_file(index_file, index.dump());
  CHECK_THROWS_AS(load_model(model.path()), CheckpointError);
  AuditReport report = audit_checkpoint(model.path(), 1);
  INFO(described(report));
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].rule == AuditRule::contradiction);
  CHECK(report.findings[0].tensors.front() == moved);

  // The same name in both shards.
  index["weight_map"][moved] = second;
  write_file(index_file, index.dump());
  Tensors all = tiny_tensors(options), one;
  for (const RawTensor& tensor : all)
    if (tensor.name == moved || index["weight_map"][tensor.name] == first) one.push_back(tensor);
  write_safetensors(model / first, one);
  report = audit_checkpoint(model.path(), 1);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].title == "a tensor is stored in two shards");
  CHECK(report.present == report.expected);

  // A shard that is not there: what it held is missing.
  std::filesystem::remove(model / second);
  report = audit_checkpoint(model.path(), 1);
  INFO(described(report));
  CHECK(report.present < report.expected);
  bool missing = false;
  for (const AuditFinding& finding : report.findings)
    for (const std::string& line : finding.evidence) missing |= line == "that file is missing";
  CHECK(missing);
}

TEST_CASE("a file that names any number of tensors costs no more than their bytes") {
  const AuditReport report = audited({.edit_tensors = [](Tensors& t) {
    for (int i = 0; i < 3000; ++i) t.push_back(bf16_tensor("model.layers.1.extra" + std::to_string(i), {2}, 0x3F80));
  }});
  CHECK(report.tensors.size() == static_cast<size_t>(report.expected) + 3000);
  CHECK(report.kinds.size() == 13);  // 11 of the layers, embedding, final norm: each has a table of counts
}

TEST_CASE("the report is the same for any number of threads") {
  const TempDirectory model = write_tiny_model({.layers = 5, .dtype = "float32"});
  const AuditReport one = audit_checkpoint(model.path(), 1), four = audit_checkpoint(model.path(), 4);
  REQUIRE(one.kinds.size() == four.kinds.size());
  for (size_t i = 0; i < one.kinds.size(); ++i) {
    CHECK(one.kinds[i].kind == four.kinds[i].kind);
    CHECK(one.kinds[i].statistics.median.value == four.kinds[i].statistics.median.value);
    CHECK(one.kinds[i].statistics.moments.m4 == four.kinds[i].statistics.moments.m4);
  }
}

TEST_CASE("in a trained model a square that was transposed is found, and no other is accused") {
  const std::filesystem::path trained = std::filesystem::path(PLUMBLINE_SOURCE_DIR) / "dumps/models/llama-tiny";
  const AuditReport sound = audit_checkpoint(trained, 2);
  CHECK(sound.squares == 44);
  CHECK(sound.squares_upright >= 40);
  CHECK(sound.squares_transposed == 0);
  const std::string bytes = read_file(trained / "model.safetensors");
  const Model model = load_model(trained);
  for (const std::string name : {"model.layers.0.self_attn.k_proj.weight", "model.layers.9.self_attn.k_proj.weight",
                                 "model.layers.9.self_attn.v_proj.weight", "model.layers.21.self_attn.v_proj.weight"}) {
    Tensors turned;
    for (const auto& [each, tensor] : model.parameters) {
      const auto* const data = reinterpret_cast<const char*>(tensor.data());
      RawTensor raw{each, "BF16", tensor.shape(), std::string(data, tensor.byte_size())};
      const auto n = static_cast<size_t>(tensor.shape()[0]);
      if (each == name)
        for (size_t i = 0; i < n * n; ++i) std::memcpy(raw.bytes.data() + 2 * i, data + 2 * (i % n * n + i / n), 2);
      turned.push_back(std::move(raw));
    }
    const TempDirectory directory;
    write_file(directory / "config.json", model.config.json);
    write_safetensors(directory / "model.safetensors", turned);
    const AuditReport report = audit_checkpoint(directory.path(), 2);
    INFO(name << "\n" << described(report));
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].rule == AuditRule::transposed);
    CHECK(report.findings[0].tensors == std::vector<std::string>{name});
  }
}

TEST_CASE("a square whose columns overflow a sum has no profile, and its neighbours none with it") {
  const auto big = [](Tensors& tensors) {
    for (RawTensor& tensor : tensors) {
      if (!tensor.name.starts_with("model.layers.0.") || tensor.shape.size() != 2) continue;
      const auto width = static_cast<size_t>(tensor.shape[1]);
      for (const size_t row : {0, 1}) put(tensor, row * width + 3, 1, 0x5F50);  // 1.5e19: two squares pass f32's range
    }
  };
  const AuditReport sound = audited({.layers = 3}), damaged = audited({.layers = 3, .edit_tensors = big});
  INFO(described(damaged));
  REQUIRE(sound.squares > 0);
  CHECK(damaged.squares < sound.squares);
  CHECK(damaged.squares_transposed == 0);
}

TEST_CASE("squares of random weights are not judged") {
  TinyModelOptions options;
  options.layers = 6;  // k and v are [64, 64]
  const AuditReport report = audited(options);
  CHECK(report.squares == 12);
  CHECK(report.squares_upright == 0);
  CHECK(report.squares_transposed == 0);
}

}  // namespace plumbline::test
