// SPDX-License-Identifier: Apache-2.0
#include "model/loader_rules.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include <plumbline/error.h>

#include "model/expected_parameters.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

// Edit distances grow with the square of the length, and a hostile name may be megabytes long.
constexpr size_t kLongestComparedName = 256;

/// As many digits as tell any two f32 apart.
std::string digits(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

class Checker {
 public:
  Checker(const ModelConfig& config, const WeightFiles& weights, const fs::path& directory)
      : config_(config), weights_(weights), directory_(directory), expected_(expected_parameters(config)) {}

  CheckedWeights check() {
    for (const ParameterSpec& spec : expected_) expected_names_.insert(spec.name);
    sort_out();
    for (const ParameterSpec& spec : expected_) check_present(spec);
    if (!unexpected_.empty()) refuse_unexpected();
    check_one_dtype();
    for (const ParameterSpec& spec : expected_) {
      const StoredTensor& stored = weights_.tensors.at(spec.name);
      check_form(spec, stored);
      result_.parameters[spec.name] = stored.tensor;
    }
    if (config_.tied) check_stored_head();
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what, std::vector<std::string> details, const std::string& way_out) {
    throw CheckpointError("cannot load the model: " + what, details, way_out);
  }
  std::string file_of(const StoredTensor& stored) const { return "file      " + (directory_ / stored.file).string(); }

  void sort_out() {
    for (const auto& [name, stored] : weights_.tensors) {
      if (expected_names_.contains(name)) continue;
      if (config_.tied && name == head_parameter(config_).name) continue;
      if (is_computed_buffer(name)) {
        result_.notes.push_back("ignored: " + printable(name) + " (a buffer that is computed anew)");
      } else {
        unexpected_.push_back(name);
      }
    }
  }

  void check_present(const ParameterSpec& spec) {
    if (weights_.tensors.contains(spec.name)) return;
    if (spec.name == head_parameter(config_).name) {
      refuse("the head is missing, and neither config.json nor the family's default ties it to the embedding",
             {"directory  " + directory_.string(), "tensor     " + spec.name + " " + to_string(spec.shape),
              "config     tie_word_embeddings is false or absent, which means false"},
             "set tie_word_embeddings to true if the model was trained so, else fetch the weights again");
    }
    const auto missing = std::count_if(expected_.begin(), expected_.end(), [&](const ParameterSpec& other) {
      return !weights_.tensors.contains(other.name);
    });
    std::vector<std::string> details = {
        "directory  " + directory_.string(), "tensor     " + spec.name + " " + to_string(spec.shape),
        "missing    " + std::to_string(missing) + " of " + std::to_string(expected_.size()) + " tensors"};
    for (const std::string& near : near_misses(spec.name, comparable(unexpected_))) {
      details.push_back("found      " + printable(near) + ", which no op uses");
    }
    refuse("a tensor is missing", details, "fetch the weights again, or correct config.json");
  }

  static std::vector<std::string> comparable(const std::vector<std::string>& names) {
    std::vector<std::string> shorter;
    std::copy_if(names.begin(), names.end(), std::back_inserter(shorter),
                 [](const std::string& name) { return name.size() <= kLongestComparedName; });
    return shorter;
  }

  [[noreturn]] void refuse_unexpected() {
    const std::string& name = unexpected_.front();
    std::vector<std::string> details = {file_of(weights_.tensors.at(name)), "tensor    " + printable(name),
                                        "unused    " + std::to_string(unexpected_.size()) + " tensors in all"};
    if (name.size() <= kLongestComparedName) {
      const std::vector<std::string> names(expected_names_.begin(), expected_names_.end());
      for (const std::string& near : near_misses(name, names, 1)) details.push_back("nearest   " + near);
    }
    refuse("a tensor is stored that this model does not use", details,
           "correct config.json (attention_bias, num_hidden_layers, architectures), or remove the tensor");
  }

  /// Says "mixed" rather than "wrong" if the tensors disagree among themselves.
  void check_one_dtype() {
    std::map<DType, std::pair<int, std::string>> seen;  // count and first name
    for (const ParameterSpec& spec : expected_) {
      auto& [count, first] = seen[weights_.tensors.at(spec.name).tensor.dtype()];
      if (count++ == 0) first = spec.name;
    }
    if (seen.size() <= 1) return;
    std::vector<std::string> details = {"directory  " + directory_.string()};
    for (const auto& [dtype, found] : seen) {
      details.push_back(std::string(dtype_name(dtype)) + "  " + std::to_string(found.first) + " tensors, first in " +
                        (directory_ / weights_.tensors.at(found.second).file).string() + ": " + found.second);
    }
    details.push_back("config     " + std::string(dtype_name(config_.dtype)));
    refuse("the tensors have mixed dtypes", details, "save the checkpoint in one dtype");
  }

  void check_form(const ParameterSpec& spec, const StoredTensor& stored) {
    if (stored.tensor.shape() != spec.shape) {
      refuse("a tensor has the wrong shape",
             {file_of(stored), "tensor    " + spec.name, "expected  " + to_string(spec.shape) + " by config.json",
              "found     " + to_string(stored.tensor.shape())},
             "correct config.json, or fetch the weights that belong to it");
    }
    if (stored.tensor.dtype() != config_.dtype) {
      refuse("a tensor has the wrong dtype",
             {file_of(stored), "tensor    " + spec.name,
              "expected  " + std::string(dtype_name(config_.dtype)) + " by config.json",
              "found     " + std::string(dtype_name(stored.tensor.dtype()))},
             "correct torch_dtype (dtype) in config.json, or convert the weights");
    }
  }

  void check_stored_head() {
    const ParameterSpec head = head_parameter(config_);
    const auto found = weights_.tensors.find(head.name);
    if (found == weights_.tensors.end()) return;
    const StoredTensor& stored = found->second;
    check_form(head, stored);
    const std::string embedding_name = expected_.front().name;
    const TensorView& embedding = result_.parameters.at(embedding_name).view();
    const auto theirs = stored.tensor.view().bytes(), ours = embedding.bytes();
    const auto differs = std::mismatch(theirs.begin(), theirs.end(), ours.begin());
    if (differs.first != theirs.end()) {
      const auto element =
          (differs.first - theirs.begin()) / static_cast<std::ptrdiff_t>(element_bytes(embedding.dtype));
      refuse("the head is tied to the embedding, but another one is stored",
             {file_of(stored), "tensor    " + head.name,
              "element   " + std::to_string(element / config_.hidden) + ", " + std::to_string(element % config_.hidden),
              "expected  " + digits(embedding.at(element)) + " (" + embedding_name + ")",
              "found     " + digits(stored.tensor.view().at(element))},
             "set tie_word_embeddings to false if the stored head is meant, else remove it");
    }
    result_.notes.push_back("tied head stored too: " + head.name + " equals " + embedding_name);
  }

  const ModelConfig& config_;
  const WeightFiles& weights_;
  const fs::path& directory_;
  std::vector<ParameterSpec> expected_;
  std::set<std::string> expected_names_;
  std::vector<std::string> unexpected_;
  CheckedWeights result_;
};

}  // namespace

CheckedWeights check_weights(const ModelConfig& config, const WeightFiles& weights, const fs::path& directory) {
  return Checker(config, weights, directory).check();
}

}  // namespace plumbline
