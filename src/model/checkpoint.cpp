// SPDX-License-Identifier: Apache-2.0
// load_model: config, weights, rules, graph. Each step has its own file; this one is their order.
#include <span>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "model/config.h"
#include "model/expected_parameters.h"
#include "model/loader_rules.h"
#include "model/mapped_file.h"
#include "model/weight_files.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

void require_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return;
  throw CheckpointError("cannot load the model: no such directory",
                        {"path   " + directory.string(),
                         std::string("found  ") + (fs::exists(directory, error) ? "something else" : "nothing")},
                        "give the directory that holds config.json and the .safetensors files");
}

void require_config(const fs::path& file) {
  std::error_code error;
  if (fs::exists(file, error)) return;
  throw CheckpointError("cannot load the model: the directory has no config.json", {"file  " + file.string()},
                        "give the directory that holds config.json and the .safetensors files");
}

void append(std::vector<std::string>& to, std::vector<std::string>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

/// Rows of packed tensors under the names that the graph has for them. Nothing is copied.
void unpack(const ModelConfig& config, Parameters& parameters) {
  for (const PackedParameter& packed : packed_parameters(config)) {
    const auto whole = std::make_shared<Tensor>(parameters.at(packed.name));
    parameters.erase(packed.name);
    const std::byte* data = whole->data();
    for (const auto& [name, rows] : packed.parts) {
      const TensorView part{whole->dtype(), {rows, whole->shape().at(1)}, data};
      data += part.byte_size();
      parameters.emplace(name, Tensor::borrow(part, whole));
    }
  }
}

Model load(const fs::path& directory) {
  Model model;
  model.directory = directory;
  model.config = load_config(directory);
  model.files.push_back(file_digest("config.json", std::as_bytes(std::span(model.config.json))));
  WeightFiles weights = read_weight_files(directory);
  CheckedWeights checked = check_weights(model.config, weights, directory);
  model.files.insert(model.files.end(), weights.files.begin(), weights.files.end());
  model.parameters = std::move(checked.parameters);
  unpack(model.config, model.parameters);
  append(model.notes, checked.notes);
  append(model.notes, weights.notes);
  model.graph = build_graph(model.config);
  return model;
}

}  // namespace

void cannot_read_directory(const fs::path& directory, const fs::filesystem_error& error) {
  throw CheckpointError("cannot load the model: the directory cannot be read",
                        {"path    " + directory.string(), "reason  " + error.code().message()},
                        "check path and permissions");
}

ModelConfig load_config(const fs::path& directory) {
  require_directory(directory);
  const fs::path file = directory / "config.json";
  require_config(file);
  return parse_config(std::string(MappedFile::open(file)->text()), file);
}

Model load_model(const fs::path& directory) {
  try {
    return load(directory);
  } catch (const fs::filesystem_error& error) {  // a directory that may not be listed, a loop of links
    cannot_read_directory(directory, error);
  }
}

}  // namespace plumbline
