// SPDX-License-Identifier: Apache-2.0
#include "model/weight_files.h"

#include <algorithm>
#include <set>
#include <span>

#include <plumbline/error.h>

#include "core/hash.h"
#include "core/progress.h"
#include "model/safetensors.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

using WeightMap = std::map<std::string, std::string>;  // tensor -> file

[[noreturn]] void refuse(const std::string& what, std::vector<std::string> details, const std::string& way_out) {
  throw CheckpointError("cannot load the model: " + what, details, way_out);
}

std::vector<std::string> other_files(const fs::path& directory, const std::set<std::string>& read) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string extension = entry.path().extension();
    const bool holds_weights =
        extension == ".safetensors" || extension == ".bin" || extension == ".pth" || extension == ".gguf";
    if (holds_weights && !read.contains(entry.path().filename())) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

WeightMap read_index(const fs::path& file, std::span<const std::byte> bytes) {
  nlohmann::json index;
  try {
    index = parse_strict_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  } catch (const JsonProblem& problem) {
    refuse("the weight index is not usable JSON", {"file  " + file.string(), problem.what()}, "fetch the file again");
  }
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    refuse("the weight index has no weight_map", {"file  " + file.string()}, "fetch the file again");
  }
  WeightMap map;
  for (const auto& [tensor, value] : index["weight_map"].items()) {
    const std::string name = value.is_string() ? value.get<std::string>() : "";
    const bool plain = fs::path(name).filename() == name && name != "." && name != ".." &&
                       name.find('\0') == std::string::npos && fs::path(name).extension() == ".safetensors";
    if (!plain) {
      refuse("the weight index names something that is no .safetensors file of the directory",
             {"file    " + file.string(), "tensor  " + printable(tensor),
              "names   " + (value.is_string() ? printable(name) : std::string(json_type(value)))},
             "fetch the file again");
    }
    map[tensor] = name;
  }
  if (map.empty()) refuse("the weight index names no tensor", {"file  " + file.string()}, "fetch the file again");
  return map;
}

void add_file(WeightFiles& weights, const fs::path& directory, const std::string& name, const WeightMap* index) {
  const SafetensorsFile file = SafetensorsFile::open(directory / name);
  weights.files.push_back(file_digest(name, file.file_bytes()));
  for (const auto& [tensor, values] : file.tensors()) {
    if (index != nullptr) {
      const auto listed = index->find(tensor);
      if (listed == index->end() || listed->second != name) {
        refuse(
            "a shard holds a tensor that the index does not place there",
            {"file    " + (directory / printable(name)).string(), "tensor  " + printable(tensor),
             "index   " + (listed == index->end() ? "does not name it" : "places it in " + printable(listed->second))},
            "fetch index and shards again, together");
      }
    }
    weights.tensors[tensor] = {values, name};
  }
}

void add_shards(WeightFiles& weights, const fs::path& directory, const WeightSet& set) {
  weights.files.push_back(*set.index_file);
  for (const auto& [tensor, name] : *set.index) {
    if (!fs::exists(directory / name)) {
      refuse("a shard that the index names is missing",
             {"file    " + (directory / printable(name)).string(), "tensor  " + printable(tensor) + " lies in it"},
             "fetch the missing file");
    }
  }
  for (const std::string& name : set.files) add_file(weights, directory, name, &*set.index);
  for (const auto& [tensor, name] : *set.index) {
    if (!weights.tensors.contains(tensor)) {
      refuse("a shard lacks a tensor that the index places there",
             {"file    " + (directory / printable(name)).string(), "tensor  " + printable(tensor)},
             "fetch index and shards again, together");
    }
  }
}

WeightSet shard_set(const fs::path& directory) {
  const auto mapping = MappedFile::open(directory / kIndex);
  WeightSet set;
  set.index = read_index(directory / kIndex, mapping->bytes());
  set.index_file = file_digest(kIndex, mapping->bytes());
  for (const auto& [tensor, name] : *set.index) set.files.insert(name);
  if (!set.files.contains(kSingle) && fs::exists(directory / kSingle)) {
    refuse("the directory has two sets of weights",
           {"file   " + (directory / kSingle).string(), "index  " + (directory / kIndex).string()},
           "remove the set that is not meant");
  }
  return set;
}

}  // namespace

FileDigest file_digest(std::string name, std::span<const std::byte> bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  Progress progress("reading " + printable(name), size);
  std::string digits = xxh3_128_hex(bytes, [&](size_t more) { progress.advance(static_cast<int64_t>(more)); });
  return {std::move(name), size, std::move(digits)};
}

WeightSet find_weight_set(const fs::path& directory) {
  if (fs::exists(directory / kIndex)) return shard_set(directory);
  if (fs::exists(directory / kSingle)) return {{}, {}, {kSingle}};
  std::vector<std::string> details = {"directory  " + directory.string(),
                                      std::string("needed     ") + kSingle + ", or shards and " + kIndex};
  for (const std::string& name : other_files(directory, {})) details.push_back("found      " + name);
  refuse("the directory has no weights that can be read", details, "save the model with safe_serialization=True");
}

WeightFiles read_weight_files(const fs::path& directory) {
  const WeightSet set = find_weight_set(directory);
  WeightFiles weights;
  if (set.index) {
    add_shards(weights, directory, set);
  } else {
    add_file(weights, directory, kSingle, nullptr);
  }
  std::set<std::string> read;
  for (const FileDigest& file : weights.files) read.insert(file.name);
  for (const std::string& name : other_files(directory, read)) weights.notes.push_back("not read: " + name);
  return weights;
}

}  // namespace plumbline
