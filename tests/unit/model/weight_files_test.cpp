// SPDX-License-Identifier: Apache-2.0
// Single files, shards and their index. The index is changed after the checkpoint was written.
#include "model/weight_files.h"

#include <functional>
#include <nlohmann/json.hpp>

#include <plumbline/error.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

using nlohmann::json;
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kFirst = "model-00001-of-00002.safetensors";
constexpr const char* kSecond = "model-00002-of-00002.safetensors";

test::TempDirectory two_shards() {
  test::TinyModelOptions options;
  options.shards = 2;
  return test::write_tiny_model(options);
}

std::string refusal(const test::TempDirectory& directory) {
  return test::error_text<CheckpointError>([&] { load_model(directory.path()); });
}

void edit_index(const test::TempDirectory& directory, const std::function<void(json&)>& edit) {
  json index = json::parse(test::read_file(directory / kIndex));
  edit(index);
  test::write_file(directory / kIndex, index.dump());
}

}  // namespace

TEST_CASE("Shards hold the same model as one file") {
  const test::TempDirectory whole = test::write_tiny_model(), sharded = two_shards();
  const Model a = load_model(whole.path()), b = load_model(sharded.path());
  REQUIRE(a.parameters.size() == b.parameters.size());
  for (const auto& [name, tensor] : a.parameters) CHECK(digest(tensor.view()) == digest(b.parameters.at(name).view()));
  std::vector<std::string> names;
  for (const FileDigest& file : b.files) names.push_back(file.name);
  CHECK(names == std::vector<std::string>{"config.json", kIndex, kFirst, kSecond});
}

TEST_CASE("File digests tell size and content") {
  const test::TempDirectory a = test::write_tiny_model(), b = test::write_tiny_model();
  test::TinyModelOptions other;
  other.seed = 2;
  const test::TempDirectory c = test::write_tiny_model(other);
  const auto weights = [](const test::TempDirectory& d) { return load_model(d.path()).files.at(1); };
  CHECK(weights(a).name == "model.safetensors");
  CHECK(weights(a).bytes == static_cast<int64_t>(std::filesystem::file_size(a / "model.safetensors")));
  CHECK(weights(a).xxh3 == weights(b).xxh3);
  CHECK(weights(a).xxh3 != weights(c).xxh3);
}

TEST_CASE("An index that does not match its shards is refused") {
  struct Row {
    std::string what;
    std::function<void(json&)> edit;
    std::vector<std::string> parts;
  };
  const std::string norm = "model.norm.weight";
  const std::vector<Row> rows = {
      {"names a tensor that no shard holds",
       [](json& i) { i["weight_map"]["ghost"] = kFirst; },
       {"lacks a tensor", "ghost", kFirst}},
      {"does not name a stored tensor",
       [&](json& i) { i["weight_map"].erase(norm); },
       {"does not place", norm, "does not name it"}},
      {"places a tensor in the other shard",
       [&](json& i) { i["weight_map"][norm] = kFirst; },
       {"does not place", norm, kFirst, kSecond}},
      {"names a shard that is missing",
       [&](json& i) { i["weight_map"][norm] = "model-9.safetensors"; },
       {"missing", "model-9.safetensors", norm}},
      {"leaves the directory",
       [&](json& i) { i["weight_map"][norm] = "../other/model.safetensors"; },
       {"no .safetensors file of the directory", "../other/model.safetensors", norm}},
      {"names an absolute path",
       [&](json& i) { i["weight_map"][norm] = "/etc/model.safetensors"; },
       {"/etc/model.safetensors"}},
      {"names the parent", [&](json& i) { i["weight_map"][norm] = ".."; }, {norm}},
      {"names another kind of file", [&](json& i) { i["weight_map"][norm] = "config.json"; }, {norm}},
      {"hides a path behind a zero byte",
       [&](json& i) { i["weight_map"][norm] = std::string("a\0.safetensors", 14); },
       {norm}},
      {"names no text", [&](json& i) { i["weight_map"][norm] = 7; }, {norm, "an integer"}},
      {"has an empty map", [](json& i) { i["weight_map"] = json::object(); }, {"names no tensor"}},
      {"has no map", [](json& i) { i.erase("weight_map"); }, {"no weight_map"}},
      {"is a list", [](json& i) { i = json::array(); }, {"no weight_map"}}};
  for (const Row& row : rows) {
    INFO(row.what);
    const test::TempDirectory directory = two_shards();
    edit_index(directory, row.edit);
    const std::string message = refusal(directory);
    test::require_parts(message, {directory.path().string()});
    for (const std::string& part : row.parts) test::require_parts(message, {part});
  }
}

TEST_CASE("An index that is no usable JSON is refused") {
  const test::TempDirectory directory = two_shards();
  for (const std::string text : {"", "{", "{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"y.safetensors\"}}"}) {
    test::write_file(directory / kIndex, text);
    test::require_parts(refusal(directory), {kIndex});
  }
}

TEST_CASE("A shard that is gone is refused by name") {
  const test::TempDirectory directory = two_shards();
  std::filesystem::remove(directory / kSecond);
  test::require_parts(refusal(directory), {"missing", kSecond});
}

TEST_CASE("Two sets of weights are refused") {
  const test::TempDirectory directory = two_shards();
  std::filesystem::copy_file(directory / kFirst, directory / "model.safetensors");
  test::require_parts(refusal(directory), {"two sets of weights", "model.safetensors", kIndex});
}

TEST_CASE("A directory without weights says what it has instead") {
  const test::TempDirectory directory = test::write_tiny_model();
  std::filesystem::rename(directory / "model.safetensors", directory / "pytorch_model.bin");
  test::require_parts(refusal(directory), {"no weights", "pytorch_model.bin", "safe_serialization"});
}

TEST_CASE("Weight files that are not the model's are noted") {
  const test::TempDirectory directory = test::write_tiny_model();
  std::filesystem::copy_file(directory / "model.safetensors", directory / "adapter_model.safetensors");
  CHECK(load_model(directory.path()).notes == std::vector<std::string>{"not read: adapter_model.safetensors"});
}

TEST_CASE("A path that is no model directory is refused") {
  const test::TempDirectory directory;
  test::require_parts(test::error_text<CheckpointError>([&] { load_model(directory / "absent"); }),
                      {"no such directory", "absent", "nothing"});
  test::require_parts(refusal(directory), {"no config.json"});
  test::write_file(directory / "file", "");
  test::require_parts(test::error_text<CheckpointError>([&] { load_model(directory / "file"); }), {"something else"});
}

}  // namespace plumbline
