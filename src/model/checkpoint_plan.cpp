// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "core/random.h"
#include "model/config.h"
#include "model/expected_parameters.h"
#include "model/family.h"
#include "model/shape_table.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

using Json = nlohmann::json;

struct Law {
  std::string_view ending;
  double mean, deviation;  ///< of a matrix: times 1 / sqrt(inputs)
};
constexpr std::array kLaws = {
    // the first that fits
    Law{"qkv_proj.weight", 0.0, 0.74},
    Law{"gate_up_proj.weight", 0.0, 0.87},
    Law{"q_proj.weight", 0.0, 0.78},
    Law{"k_proj.weight", 0.0, 0.75},
    Law{"v_proj.weight", 0.0, 0.69},
    Law{"o_proj.weight", 0.0, 0.73},
    Law{"gate_proj.weight", 0.0, 0.87},
    Law{"up_proj.weight", 0.0, 0.87},
    Law{"down_proj.weight", 0.0, 0.60},
    Law{"embed_tokens.weight", 0.0, 0.86},
    Law{"lm_head.weight", 0.0, 0.86},
    Law{"q_norm.weight", 1.18, 0.27},
    Law{"k_norm.weight", 1.18, 0.27},
    Law{"input_layernorm.weight", 0.92, 0.16},
    Law{"post_attention_layernorm.weight", 1.21, 0.19},
    Law{"pre_feedforward_layernorm.weight", 1.21, 0.19},
    Law{"post_feedforward_layernorm.weight", 1.0, 0.19},
    Law{"model.norm.weight", 2.04, 0.18},
    Law{".bias", 0.0, 0.10},
};

constexpr int kDraws = 12;                            // of SplitMix64::normal
constexpr uint64_t kIncrement = 0x9E3779B97F4A7C15u;  // of its counter

/// `offsets`: norms store what they add to one.
PlannedTensor planned(const ParameterSpec& spec, bool offsets) {
  for (const Law& law : kLaws) {
    if (!spec.name.ends_with(law.ending)) continue;
    const double width = spec.shape.size() == 2 ? std::sqrt(static_cast<double>(spec.shape[1])) : 1.0;
    const double mean = offsets && law.mean != 0.0 ? law.mean - 1.0 : law.mean;  // other parameters have mean 0
    return {spec.name, spec.shape, mean, law.deviation / width, spec.name, 0.0};
  }
  throw Error("make-model: no law for the weights of '" + spec.name + "'");
}

Json parse(const NamedShape& shape) {
  try {
    Json config = parse_strict_json(shape.config_json);
    if (config.is_object()) return config;
  } catch (const JsonProblem& problem) {
    throw CheckpointError("the config is not usable JSON", {"file  " + shape.name, problem.what()},
                          "give a config.json");
  }
  throw CheckpointError("the config holds no object", {"file  " + shape.name}, "give a config.json");
}

void set_layers(Json& config, int64_t layers) {
  config["num_hidden_layers"] = layers;
  if (config.contains("max_window_layers")) config["max_window_layers"] = layers;
  const auto types = config.find("layer_types");
  if (types == config.end() || !types->is_array() || types->empty()) return;
  Json cut = Json::array();
  for (size_t i = 0; i < static_cast<size_t>(layers); ++i) cut.push_back((*types)[i % types->size()]);
  *types = cut;
}

void set_dtype(Json& config, DType dtype) {
  const char* const name = dtype == DType::bf16 ? "bfloat16" : dtype == DType::f16 ? "float16" : "float32";
  const bool is_new = config.contains("dtype");
  if (is_new) config["dtype"] = name;
  if (!is_new || config.contains("torch_dtype")) config["torch_dtype"] = name;
}

void give_notes_maxima(CheckpointPlan& plan, int64_t layers) {
  bool any = false;
  for (PlannedTensor& tensor : plan.tensors) {
    if (!tensor.name.ends_with("k_norm.weight")) continue;
    any = true;
    const std::string digits = tensor.name.substr(std::string_view("model.layers.").size());
    tensor.peak = notes_k_norm_maximum(std::stoll(digits), layers);
  }
  if (!any)
    throw UsageError("--k-norm-max: this shape has no K norm", {}, "use it with a Qwen3 shape, or leave it out");
}

}  // namespace

int64_t CheckpointPlan::elements() const {
  int64_t sum = 0;
  for (const PlannedTensor& tensor : tensors) sum += element_count(tensor.shape);
  return sum;
}

double notes_k_norm_maximum(int64_t layer, int64_t layers) {
  constexpr std::array kMaxima = {96.5, 44.5, 44.0, 41.75, 34.0, 28.0, 24.0,  20.5,
                                  18.0, 16.5, 15.0, 14.0,  13.0, 12.0, 11.25, 10.5};
  constexpr int64_t kReportedLayers = 28;
  // With other layer counts the same share of them is extreme.
  const auto extreme = static_cast<int64_t>(kMaxima.size());
  const int64_t count = std::min((extreme * layers + kReportedLayers - 1) / kReportedLayers, extreme);
  return layer < count ? kMaxima[static_cast<size_t>(layer)] : 0.0;
}

CheckpointPlan plan_checkpoint(const PlanOptions& options) {
  const NamedShape shape = find_shape(options.shape);
  Json json = parse(shape);
  if (options.layers > 0) set_layers(json, options.layers);
  if (options.dtype) set_dtype(json, *options.dtype);
  const ModelConfig config = parse_config(json.dump(), shape.name);
  CheckpointPlan plan;
  plan.config_json = json.dump(2) + "\n";
  plan.dtype = config.dtype;
  plan.vocab = config.vocab;
  plan.max_positions = config.max_positions;
  plan.seed = options.seed;
  const Family* const family = find_family(config.architecture);
  const bool offsets = family != nullptr && family->norm_contract == "rmsnorm/gemma";
  for (const ParameterSpec& spec : expected_parameters(config)) plan.tensors.push_back(planned(spec, offsets));
  if (config.tied && shape.stores_tied_head) {
    PlannedTensor head = plan.tensors.front();
    head.name = head_parameter(config).name;
    plan.tensors.push_back(std::move(head));
  }
  if (options.notes_k_norm) give_notes_maxima(plan, config.layers);
  return plan;
}

void draw(const CheckpointPlan& plan, const PlannedTensor& tensor, int64_t first, int64_t count, std::byte* out) {
  const uint64_t start = fnv1a(tensor.source, 0xCBF29CE484222325u ^ plan.seed);
  SplitMix64 random(start + static_cast<uint64_t>(first) * kDraws * kIncrement);
  const size_t bytes = element_bytes(plan.dtype);
  const auto peak_at = static_cast<int64_t>(start % static_cast<uint64_t>(element_count(tensor.shape)));
  for (int64_t i = 0; i < count; ++i, out += bytes) {
    double value = tensor.mean + tensor.deviation * random.normal();
    if (tensor.peak != 0.0 && first + i == peak_at) value = tensor.peak;
    if (plan.dtype == DType::bf16) {  // ten times as fast as encode; that f32 rounds first is part of the recipe
      const uint16_t bits = f32_to_bf16(static_cast<float>(value));
      std::memcpy(out, &bits, sizeof bits);
    } else {
      encode(plan.dtype, value, out);
    }
  }
}

}  // namespace plumbline
