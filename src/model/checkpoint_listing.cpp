// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint_listing.h"

#include "model/strict_json.h"
#include "model/weight_files.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

/// Where the index places a tensor, or "" without an index or a place.
std::string placed(const WeightSet& set, const std::string& tensor) {
  if (!set.index) return "";
  const auto found = set.index->find(tensor);
  return found == set.index->end() ? "" : found->second;
}

void add_tensor(CheckpointListing& listing, const WeightSet& set, const std::string& name, ListedTensor listed) {
  const std::string place = placed(set, name);
  const auto [at, is_new] = listing.tensors.try_emplace(name, listed);
  if (is_new) return;
  listing.problems.push_back(
      {name,
       "is stored in two shards",
       {"stored in " + printable(at->second.file) + " and in " + printable(listed.file),
        place.empty() ? "the index does not name it" : "the index places it in " + printable(place)}});
  if (listed.file == place) at->second = std::move(listed);
}

void compare_with_index(CheckpointListing& listing, const WeightSet& set, const fs::path& directory) {
  for (const auto& [name, listed] : listing.tensors) {
    const std::string place = placed(set, name);
    if (place == listed.file) continue;
    listing.problems.push_back(
        {name,
         "does not lie where the index says",
         {"stored in " + printable(listed.file),
          place.empty() ? "the index does not name it" : "the index places it in " + printable(place)}});
  }
  for (const auto& [name, file] : *set.index) {
    if (listing.tensors.contains(name)) continue;
    const bool is_there = fs::exists(directory / file);
    listing.problems.push_back({name,
                                "is named by the index and not stored",
                                {"the index places it in " + printable(file),
                                 is_there ? "that file does not hold it" : "that file is missing"}});
  }
}

}  // namespace

CheckpointListing list_checkpoint(const fs::path& directory) {
  const WeightSet set = find_weight_set(directory);
  CheckpointListing listing;
  for (const std::string& name : set.files) {
    if (!fs::exists(directory / name)) continue;  // each tensor that it should hold becomes a problem
    listing.files.push_back(SafetensorsFile::open(directory / name));
    const SafetensorsFile& file = listing.files.back();
    listing.bytes += static_cast<int64_t>(file.file_bytes().size());
    for (const auto& [tensor, values] : file.tensors())
      add_tensor(listing, set, tensor, {values, name, listing.files.size() - 1});
  }
  if (set.index) compare_with_index(listing, set, directory);
  return listing;
}

}  // namespace plumbline
