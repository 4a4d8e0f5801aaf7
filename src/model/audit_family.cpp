// SPDX-License-Identifier: Apache-2.0
// What config and family say of head, heads, rope base and embedding, and whether that fits.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "model/audit_rules.h"
#include "model/family.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

/// Below this share of a norm's result eps changes the model. Sound ones stay above it: a Llama initialised by
/// transformers (deviation 0.02, eps 1e-5) has 0.988; an embedding scaled by 1/sqrt(hidden), the notes' case, 0.64.
constexpr double kEpsShare = 0.8;

struct PublishedTheta {
  std::string_view architecture;
  std::span<const double> values;
  std::string_view trap;  ///< what one of the wrong ones would be
  double trap_value;
};
// Qwen3: 1e6 in all published sizes, 5e6 in the later ones of long context; transformers' Qwen3Config falls back to
// 1e4, which no published Qwen3 means. LlamaForCausalLM is the class of many makers' models, with any base.
constexpr std::array kQwen3Theta = {1e6, 5e6};
// ERNIE 4.5: 5e5, its class's default; the classes of most other families fall back to 1e4.
constexpr std::array kErnieTheta = {5e5};
// OLMo 2 and 3: 5e5; Gemma 2 1e4; Gemma 3 1e6, beside 1e4 in its layers with a window.
constexpr std::array kOlmo2Theta = {5e5}, kGemma2Theta = {1e4}, kGemma3Theta = {1e6};
constexpr std::array kPublished = {
    PublishedTheta{"Olmo2ForCausalLM", kOlmo2Theta, "the default of transformers' class", 1e4},
    PublishedTheta{"Olmo3ForCausalLM", kOlmo2Theta, "what other families fall back to", 1e4},
    PublishedTheta{"Gemma2ForCausalLM", kGemma2Theta, "what Gemma 3 has", 1e6},
    PublishedTheta{"Gemma3ForCausalLM", kGemma3Theta, "what its layers with a window have", 1e4},
    PublishedTheta{"Qwen3ForCausalLM", kQwen3Theta, "the default of transformers' class", 1e4},
    PublishedTheta{"Ernie4_5ForCausalLM", kErnieTheta, "what other families fall back to", 1e4},
    PublishedTheta{"Ernie4_5_ForCausalLM", kErnieTheta, "what other families fall back to", 1e4},
};

bool stands_in(const ModelConfig& config, const std::string& key) {
  const nlohmann::json json = parse_strict_json(config.json);
  const auto found = json.find(key);
  return found != json.end() && !found->is_null();
}

const AuditedTensor* find_tensor(const AuditReport& report, const std::string& name) {
  const auto found = std::find_if(report.tensors.begin(), report.tensors.end(),
                                  [&](const AuditedTensor& tensor) { return tensor.name == name; });
  return found == report.tensors.end() ? nullptr : &*found;
}

const AuditedTensor* embedding_of(const AuditReport& report) {
  return find_tensor(report, "model.embed_tokens.weight");
}

std::string scaling_text(const std::optional<RopeScaling>& scaling) {
  if (!scaling) return "";
  if (scaling->kind == RopeScaling::Kind::llama3) return ", scaled as llama3";
  if (scaling->kind == RopeScaling::Kind::longrope)
    return fmt::format(", longrope beyond {:.6g} positions, cosines and sines times {:.6g}",
                       scaling->original_positions, scaling->attention_factor);
  return fmt::format(", positions divided by {:.6g}", scaling->factor);
}

void check_theta(AuditReport& report) {
  const double theta = report.config.rope_theta;
  report.theta = fmt::format("{:.6g}{}", theta, scaling_text(report.config.rope_scaling));
  if (report.config.local_rope_theta != 0.0)
    report.theta += fmt::format("; {:.6g} in layers with a window", report.config.local_rope_theta);
  for (const PublishedTheta& family : kPublished) {
    if (family.architecture != report.config.architecture) continue;
    if (std::find(family.values.begin(), family.values.end(), theta) != family.values.end()) return;
    std::string known;
    for (const double value : family.values) known += fmt::format("{}{:.6g}", known.empty() ? "" : ", ", value);
    AuditFinding finding{AuditRule::theta,
                         AuditLevel::warning,
                         "the rope base is none that this family was published with",
                         {},
                         "config.json",
                         {},
                         "set rope_theta to what the model was trained with; weights cannot tell it"};
    finding.evidence.push_back(fmt::format("rope theta is {:.6g}; published: {}", theta, known));
    if (theta == family.trap_value) finding.evidence.push_back(fmt::format("{:.6g} is {}", theta, family.trap));
    report.findings.push_back(std::move(finding));
  }
}

/// What the first norm leaves of its input for this mean square, eps being what it is.
double norm_share(double mean_square, double eps) { return std::sqrt(mean_square / (mean_square + eps)); }

/// Of a family that multiplies its rows by sqrt(hidden).
void check_scaled_embedding(AuditReport& report, const AuditedTensor& embedding, double stored) {
  const double share = norm_share(stored * static_cast<double>(report.config.hidden), report.config.rms_eps);
  report.embedding = fmt::format("rms {:.4g}, times sqrt(hidden); beside eps {:.1g} the first norm keeps {:.4f} of it",
                                 std::sqrt(stored), report.config.rms_eps, share);
  if (share >= kEpsShare) return;
  report.findings.push_back(
      {AuditRule::small_embedding,
       AuditLevel::warning,
       "the embedding is so small that eps weighs in the first norm",
       {embedding.name},
       embedding.file,
       {fmt::format("rms {:.4g}: scaled, the first norm gives {:.3f} of what it would without eps", std::sqrt(stored),
                    share)},
       "compare with the original weights"});
}

void check_embedding(AuditReport& report) {
  const AuditedTensor* const embedding = embedding_of(report);
  if (embedding == nullptr || !embedding->statistics || embedding->statistics->moments.count == 0) return;
  const Moments& moments = embedding->statistics->moments;
  const double stored = moments.m2 / static_cast<double>(moments.count) + moments.mean * moments.mean;
  const Family* const family = find_family(report.config.architecture);
  if (family != nullptr && family->norms == Norms::behind) {
    report.embedding = fmt::format("rms {:.4g}, used as stored; no norm reads it", std::sqrt(stored));
    return;
  }
  if (family != nullptr && family->embeds_scaled) return check_scaled_embedding(report, *embedding, stored);
  const double square = stored;
  const double share = norm_share(square, report.config.rms_eps);
  const double scaled = norm_share(square / static_cast<double>(report.config.hidden), report.config.rms_eps);
  report.embedding = fmt::format(
      "rms {:.4g}, used as stored; beside eps {:.1g} the first norm keeps {:.4f} of it (scaled by 1/sqrt(hidden), as "
      "the "
      "notes did, {:.4f})",
      std::sqrt(square), report.config.rms_eps, share, scaled);
  if (share >= kEpsShare) return;
  report.findings.push_back({AuditRule::small_embedding,
                             AuditLevel::warning,
                             "the embedding is so small that eps weighs in the first norm",
                             {embedding->name},
                             embedding->file,
                             {fmt::format("rms {:.4g}: the first norm gives {:.3f} of what it would without eps {:.1g}",
                                          std::sqrt(square), share, report.config.rms_eps),
                              fmt::format("times sqrt(hidden) it would be {:.4g}",
                                          std::sqrt(square * static_cast<double>(report.config.hidden)))},
                             "was it scaled by 1/sqrt(hidden) when it was saved? Compare with the original weights"});
}

}  // namespace

void check_head(AuditReport& report) {
  const bool stated = stands_in(report.config, "tie_word_embeddings");
  const std::string rule = stated ? fmt::format("tie_word_embeddings is {} in config.json", report.config.tied)
                                  : fmt::format("tie_word_embeddings is not in config.json; {} means {} by that",
                                                report.config.architecture, report.config.tied);
  const ParameterSpec head = head_parameter(report.config);
  const AuditedTensor* const stored = find_tensor(report, head.name);
  if (!report.config.tied) {
    report.head = stored != nullptr ? "its own, " + rule : "missing, " + rule;
    if (stored != nullptr) return;
    report.findings.push_back({AuditRule::head_missing,
                               AuditLevel::error,
                               "the head is missing, and nothing ties it",
                               {head.name},
                               "",
                               {"config.json implies " + to_string(head.shape), rule},
                               "set tie_word_embeddings to true if the model was trained so, else fetch the weights "
                               "again: code that allocates a head and loads none gives logits from unwritten memory"});
    return;
  }
  report.head = "tied to the embedding, " + rule;
  const AuditedTensor* const embedding = embedding_of(report);
  if (stored == nullptr || embedding == nullptr) return;
  if (!stored->statistics || !embedding->statistics) {
    report.head += "; stored once more, not compared";
    return;
  }
  if (stored->dtype == embedding->dtype && stored->shape == embedding->shape && stored->pieces == embedding->pieces) {
    report.head += "; stored once more, equal bit for bit";
    return;
  }
  AuditFinding finding{AuditRule::other_head,
                       AuditLevel::error,
                       "the head is tied, and another one is stored",
                       {head.name},
                       stored->file,
                       {rule, form_of(*stored)},
                       "set tie_word_embeddings to false if the stored head is meant, else remove it"};
  finding.evidence.push_back(values_of(*stored->statistics));
  report.findings.push_back(std::move(finding));
}

void check_family(AuditReport& report) {
  const ModelConfig& config = report.config;
  report.heads = fmt::format("{} of {} channels ({}), {} key-value heads", config.heads, config.head_dim,
                             stands_in(config, "head_dim")                     ? "head_dim"
                             : config.head_dim * config.heads == config.hidden ? "hidden / heads"
                                                                               : "the default of the class",
                             config.kv_heads);
  check_theta(report);
  check_embedding(report);
}

}  // namespace plumbline
