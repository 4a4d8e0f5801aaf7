// SPDX-License-Identifier: Apache-2.0
// Keys of OLMo 2, Gemma 2, Gemma 3 and Phi-3: what absent ones mean, what is refused by name, and the published sizes.
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include <plumbline/error.h>

#include "model/config.h"
#include "model/expected_parameters.h"
#include "support/catch.h"
#include "support/error_text.h"

namespace plumbline {
namespace {

using nlohmann::json;

ModelConfig parse(const json& config) { return parse_config(config.dump(), "some/config.json"); }
std::string refusal(const json& config) {
  return test::error_text<CheckpointError>([&] { parse(config); });
}

json keys_of(const std::string& type, const std::string& architecture, int64_t layers, int64_t hidden, int64_t heads,
             int64_t kv_heads, int64_t intermediate, int64_t vocab) {
  return {{"architectures", {architecture}},
          {"model_type", type},
          {"num_hidden_layers", layers},
          {"hidden_size", hidden},
          {"num_attention_heads", heads},
          {"num_key_value_heads", kv_heads},
          {"intermediate_size", intermediate},
          {"vocab_size", vocab},
          {"rms_norm_eps", 1e-6},
          {"torch_dtype", "bfloat16"}};
}

json gemma_2_2b() { return keys_of("gemma2", "Gemma2ForCausalLM", 26, 2304, 8, 4, 9216, 256000); }
json gemma_3_1b() { return keys_of("gemma3_text", "Gemma3ForCausalLM", 26, 1152, 4, 1, 6912, 262144); }
json olmo_2_1b() {
  json keys = keys_of("olmo2", "Olmo2ForCausalLM", 16, 2048, 16, 16, 8192, 100352);
  keys["rope_theta"] = 500000;
  return keys;
}

json phi_3_mini() {
  json keys = keys_of("phi3", "Phi3ForCausalLM", 32, 3072, 32, 32, 8192, 32064);
  keys["sliding_window"] = 2047;
  return keys;
}
/// Of a quarter of the channels, with so many factors.
json phi_long(int64_t factors) {
  json keys = phi_3_mini();
  keys["partial_rotary_factor"] = 0.25;
  keys["max_position_embeddings"] = 131072;
  keys["rope_scaling"] = {{"type", "su"},
                          {"short_factor", std::vector<double>(static_cast<size_t>(factors), 1.05)},
                          {"long_factor", std::vector<double>(static_cast<size_t>(factors), 4.0)}};
  return keys;
}

struct Size {
  size_t tensors;
  int64_t elements;
  bool operator==(const Size&) const = default;
};
Size size_of(const json& keys) {
  const std::vector<ParameterSpec> all = expected_parameters(parse(keys));
  return {all.size(), std::accumulate(all.begin(), all.end(), int64_t{0}, [](int64_t sum, const ParameterSpec& spec) {
            return sum + element_count(spec.shape);
          })};
}

}  // namespace

TEST_CASE("Gemma-2-2b, Gemma-3-1b, OLMo-2-1B and Phi-3-mini have the published numbers of tensors and elements") {
  CHECK(size_of(gemma_2_2b()) == Size{288, 2'614'341'888});
  CHECK(size_of(gemma_3_1b()) == Size{340, 999'885'952});
  CHECK(size_of(olmo_2_1b()) == Size{179, 1'484'916'736});
  CHECK(size_of(phi_3_mini()) == Size{195, 3'821'079'552});
}

TEST_CASE("Gemma: absent keys mean the class's defaults") {
  const ModelConfig two = parse(gemma_2_2b()), three = parse(gemma_3_1b());
  CHECK(two.head_dim == 256);
  CHECK(two.tied);
  CHECK(two.rope_theta == 1e4);
  CHECK(two.query_scalar == 256.0);
  CHECK(two.score_cap == 50.0);
  CHECK(two.logit_cap == 30.0);
  CHECK(two.local_rope_theta == 0.0);
  REQUIRE(two.windows.size() == 26);
  for (size_t i = 0; i < two.windows.size(); ++i) CHECK(two.windows[i] == (i % 2 == 0 ? 4096 : 0));
  CHECK(three.rope_theta == 1e6);
  CHECK(three.local_rope_theta == 1e4);
  CHECK(three.score_cap == 0.0);
  CHECK(three.logit_cap == 0.0);
  for (size_t i = 0; i < three.windows.size(); ++i) CHECK(three.windows[i] == (i % 6 == 5 ? 0 : 4096));
}

TEST_CASE("Gemma 3: both spellings of its two rope tables") {
  json old = gemma_3_1b(), fresh = gemma_3_1b();
  old["rope_theta"] = 2e6;
  old["rope_local_base_freq"] = 3e4;
  old["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  fresh["rope_parameters"] = {{"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 2e6}}},
                              {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 3e4}}}};
  for (const json& keys : {old, fresh}) {
    const ModelConfig config = parse(keys);
    CHECK(config.rope_theta == 2e6);
    CHECK(config.local_rope_theta == 3e4);
    CHECK(config.rope_scaling == linear_scaling(8.0));
  }
}

TEST_CASE("Phi-3: rotated channels and longrope, by its older name") {
  const ModelConfig plain = parse(phi_3_mini()), stretched = parse(phi_long(12));
  CHECK(plain.head_dim == 96);
  CHECK(plain.rotary_dim == 0);
  CHECK_FALSE(plain.rope_scaling);
  CHECK(plain.windows == std::vector<int64_t>(32, 2047));
  CHECK(stretched.rotary_dim == 24);
  REQUIRE(stretched.rope_scaling);
  const RopeScaling& scaling = *stretched.rope_scaling;
  CHECK(scaling.kind == RopeScaling::Kind::longrope);
  CHECK(scaling.original_positions == 4096.0);
  CHECK(scaling.attention_factor == Approx(std::sqrt(1.0 + std::log(32.0) / std::log(4096.0))).epsilon(1e-15));
  CHECK(scaling.factors(4096).front() == 1.05);
  CHECK(scaling.factors(4097).front() == 4.0);
}

TEST_CASE("What these classes do not compute is refused by name") {
  struct Row {
    json keys;
    std::string key;
    json value;
    std::string part;
  };
  const Row rows[] = {
      {gemma_2_2b(), "hidden_activation", "gelu", "hidden_activation"},
      {gemma_2_2b(), "hidden_act", "silu", "hidden_act"},
      {gemma_2_2b(), "use_bidirectional_attention", true, "use_bidirectional_attention"},
      {gemma_2_2b(), "sliding_window", nullptr, "sliding_window"},
      {gemma_2_2b(), "attn_logit_softcapping", -1.0, "attn_logit_softcapping"},
      {gemma_3_1b(), "attn_logit_softcapping", 50.0, "attn_logit_softcapping"},
      {gemma_3_1b(), "rope_parameters", {{"rope_theta", 1e6}, {"rope_type", "default"}}, "rope_parameters.rope_theta"},
      {gemma_3_1b(),
       "rope_parameters",
       {{"sliding_attention", {{"rope_type", "linear"}, {"factor", 2.0}}}},
       "rope_parameters.sliding_attention.rope_type"},
      {olmo_2_1b(), "rope_theta", nullptr, "rope_theta"},
      {olmo_2_1b(), "partial_rotary_factor", 0.5, "partial_rotary_factor"},
      {phi_3_mini(), "partial_rotary_factor", 0.52, "partial_rotary_factor"},
      {phi_3_mini(), "partial_rotary_factor", 1.5, "partial_rotary_factor"},
      {phi_3_mini(), "rope_scaling", {{"rope_type", "llama3"}, {"factor", 2.0}}, "rope_scaling.rope_type"},
      {phi_long(11), "vocab_size", 100, "rope_scaling.short_factor"},
      {olmo_2_1b(), "final_logit_softcapping", 30.0, "final_logit_softcapping"},
  };
  for (const Row& row : rows) {
    json keys = row.keys;
    keys[row.key] = row.value;
    INFO(row.key << " = " << row.value.dump());
    test::require_parts(refusal(keys), {"some/config.json", row.part});
  }
}

}  // namespace plumbline
