// SPDX-License-Identifier: Apache-2.0
// Which parameters are stored, in which form, and what else is: held against the config alone.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <plumbline/error.h>

#include "model/audit_rules.h"
#include "model/family.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr size_t kLongestComparedName = 256;  // edit distances grow with the square of the length
constexpr size_t kMostComparedNames = 2000, kMostNearFindings = 16;  // a file may name any number
constexpr const char* kAgain = "fetch the weights again, or correct config.json";

/// Findings of one title and kind become one: what is wrong in 28 layers alike is said once. `finding()` makes the
/// first of them, which may take long.
template <class Finding>
void add_grouped(AuditReport& report, std::map<std::string, size_t>& groups, const std::string& kind,
                 const std::string& tensor, const Finding& finding) {
  const auto found = groups.find(kind);
  if (found != groups.end()) return report.findings[found->second].tensors.push_back(tensor);
  AuditFinding first = finding();
  groups[kind] = report.findings.size();
  report.findings.push_back(std::move(first));
}

/// The nearest of `names`, or nothing where the search would take longer than it is worth.
std::vector<std::string> nearest(const AuditReport& report, const std::string& name,
                                 const std::vector<std::string>& names) {
  if (report.findings.size() >= kMostNearFindings || names.size() > kMostComparedNames) return {};
  return name.size() <= kLongestComparedName ? near_misses(name, names, 1) : std::vector<std::string>();
}

std::vector<std::string> unexpected_names(const AuditReport& report) {
  std::vector<std::string> names;
  for (const AuditedTensor& tensor : report.tensors)
    if (!tensor.expected && tensor.name.size() <= kLongestComparedName) names.push_back(tensor.name);
  return names;
}

void find_missing(AuditReport& report, const CheckpointListing& listing, const std::vector<ParameterSpec>& expected) {
  const std::vector<std::string> unexpected = unexpected_names(report);
  std::map<std::string, size_t> groups;
  for (const ParameterSpec& spec : expected) {
    if (listing.tensors.contains(spec.name)) {
      ++report.present;
      continue;
    }
    if (spec.name == head_parameter(report.config).name) continue;  // check_head
    add_grouped(report, groups, layer_and_kind(spec.name).second, spec.name, [&] {
      AuditFinding finding{
          AuditRule::missing, AuditLevel::error, "a parameter is missing", {spec.name}, "", {}, kAgain};
      finding.evidence.push_back("config.json implies " + to_string(spec.shape));
      for (const std::string& near : nearest(report, spec.name, unexpected))
        finding.evidence.push_back("stored is " + printable(near) + ", which no op uses");
      return finding;
    });
  }
}

/// Of a projection with another number of rows: how many channels a head would then have.
std::string head_dim_evidence(const ModelConfig& config, const std::string& kind, const Shape& found) {
  const bool query = kind.starts_with("self_attn.q_proj"), key = kind.starts_with("self_attn.k_proj");
  const bool norm = kind == "self_attn.q_norm.weight" || kind == "self_attn.k_norm.weight";
  if ((!query && !key && !norm) || found.empty()) return "";
  const int64_t heads = norm ? 1 : query ? config.heads : config.kv_heads;
  if (found[0] % heads != 0 || found[0] / heads == config.head_dim) return "";
  return fmt::format(
      "as stored a head has {} channels; config.json gives head_dim {} (if the key is absent, by the "
      "class's rule)",
      found[0] / heads, config.head_dim);
}

void find_forms(AuditReport& report, const std::vector<ParameterSpec>& expected) {
  std::map<std::string, Shape> shapes;
  for (const ParameterSpec& spec : expected) shapes[spec.name] = spec.shape;
  if (report.config.tied) shapes.insert({head_parameter(report.config).name, head_parameter(report.config).shape});
  std::map<std::string, size_t> groups;
  for (const AuditedTensor& tensor : report.tensors) {
    const auto wanted = shapes.find(tensor.name);
    if (wanted == shapes.end() || wanted->second == tensor.shape) continue;
    add_grouped(report, groups, tensor.kind + to_string(tensor.shape), tensor.name, [&] {
      AuditFinding finding{AuditRule::shape,
                           AuditLevel::error,
                           "a parameter has another shape than config.json implies",
                           {tensor.name},
                           tensor.file,
                           {},
                           kAgain};
      finding.evidence.push_back("expected " + to_string(wanted->second) + ", found " + to_string(tensor.shape));
      const std::string heads = head_dim_evidence(report.config, tensor.kind, tensor.shape);
      if (!heads.empty()) finding.evidence.push_back(heads);
      Shape turned(tensor.shape.rbegin(), tensor.shape.rend());
      if (turned == wanted->second) finding.evidence.push_back("the shape fits transposed: stored [in,out]?");
      return finding;
    });
  }
}

void find_dtypes(AuditReport& report) {
  std::map<DType, std::vector<const AuditedTensor*>> by_dtype;
  for (const AuditedTensor& tensor : report.tensors)
    if (tensor.expected) by_dtype[tensor.dtype].push_back(&tensor);
  for (const auto& [dtype, tensors] : by_dtype) {
    if (dtype == report.config.dtype) continue;
    AuditFinding finding{AuditRule::dtype,
                         AuditLevel::error,
                         "parameters are stored in another dtype than config.json says",
                         {},
                         tensors.front()->file,
                         {},
                         "set torch_dtype (dtype) to what is stored, or convert the weights knowingly: nothing here "
                         "converts them silently"};
    for (const AuditedTensor* tensor : tensors) finding.tensors.push_back(tensor->name);
    finding.evidence.push_back(fmt::format("{} of {} parameters are {}; config.json says {}", tensors.size(),
                                           report.present, dtype_name(dtype), dtype_name(report.config.dtype)));
    if (by_dtype.size() > 1) finding.evidence.push_back("the checkpoint mixes dtypes");
    if (!can_measure(dtype)) finding.evidence.push_back("no statistics are taken of this dtype");
    report.findings.push_back(std::move(finding));
  }
}

/// The key that asks for a bias of that kind of tensor in that family, or nullptr if none can.
const char* bias_key(const ModelConfig& config, const std::string& kind) {
  const Family* const family = find_family(config.architecture);
  if (family == nullptr || family->biases == Biases::qkv_always || family->biases == Biases::none) return nullptr;
  if (!kind.starts_with("mlp.") && !kind.starts_with("self_attn.")) return nullptr;
  if (family->biases == Biases::use_bias) return "use_bias";
  return kind.starts_with("mlp.") ? "mlp_bias" : "attention_bias";
}

AuditFinding denied_bias(const ModelConfig& config, const AuditedTensor& tensor) {
  AuditFinding finding{AuditRule::denied_bias,
                       AuditLevel::error,
                       "a bias is stored that the config denies",
                       {tensor.name},
                       tensor.file,
                       {},
                       "remove it; if the model was trained with it, correct config.json. Code that adds whatever is "
                       "stored gives other results than code that obeys the config"};
  const char* const key = bias_key(config, tensor.kind);
  finding.evidence.push_back(key != nullptr ? std::string(key) +
                                                  " is false or absent in config.json, or means nothing to this class"
                                            : "no key of config.json can ask for it");
  if (tensor.statistics) finding.evidence.push_back(values_of(*tensor.statistics));
  return finding;
}

void find_extra(AuditReport& report, const std::vector<ParameterSpec>& expected) {
  std::set<std::string> names;
  for (const ParameterSpec& spec : expected) names.insert(spec.name);
  const std::vector<std::string> known(names.begin(), names.end());
  std::map<std::string, size_t> groups;
  for (const AuditedTensor& tensor : report.tensors) {
    if (tensor.expected || (report.config.tied && tensor.name == head_parameter(report.config).name)) continue;
    if (is_computed_buffer(tensor.name)) {
      report.notes.push_back(printable(tensor.name) + ": a buffer that is computed anew");
      continue;
    }
    const std::string bias = ".bias";
    if (tensor.name.ends_with(bias) &&
        names.contains(tensor.name.substr(0, tensor.name.size() - bias.size()) + ".weight")) {
      report.findings.push_back(denied_bias(report.config, tensor));
      continue;
    }
    add_grouped(report, groups, tensor.kind, tensor.name, [&] {
      AuditFinding finding{AuditRule::unused,
                           AuditLevel::error,
                           "a tensor is stored that this model does not use",
                           {tensor.name},
                           tensor.file,
                           {form_of(tensor)},
                           "correct config.json (architectures, num_hidden_layers), or remove the tensor"};
      if (tensor.layer >= report.config.layers)
        finding.evidence.push_back(fmt::format("config.json has {} layers", report.config.layers));
      for (const std::string& near : nearest(report, tensor.name, known))
        finding.evidence.push_back("nearest: " + near);
      return finding;
    });
  }
}

}  // namespace

void check_presence(AuditReport& report, const CheckpointListing& listing, const std::vector<ParameterSpec>& expected) {
  report.expected = static_cast<int64_t>(expected.size());
  find_missing(report, listing, expected);
  find_forms(report, expected);
  find_dtypes(report);
  find_extra(report, expected);
  for (const ListingProblem& problem : listing.problems) {
    const auto stored = listing.tensors.find(problem.tensor);
    report.findings.push_back({AuditRule::contradiction,
                               AuditLevel::error,
                               "a tensor " + problem.what,
                               {problem.tensor},
                               stored == listing.tensors.end() ? "" : stored->second.file,
                               problem.facts,
                               "fetch index and shards again, together"});
  }
}

}  // namespace plumbline
