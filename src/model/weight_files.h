// SPDX-License-Identifier: Apache-2.0
// Which weight files a directory has, and all their tensors: one model.safetensors, or shards named by an index.
// Invariant: index and shards agree: each names every tensor that the other has, in the same file.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <plumbline/model.h>

namespace plumbline {

struct StoredTensor {
  Tensor tensor;
  std::string file;  ///< name inside the directory
};

struct WeightFiles {
  std::map<std::string, StoredTensor> tensors;
  std::vector<FileDigest> files;   ///< weight files and index
  std::vector<std::string> notes;  ///< other weight files that lie beside them unread
};

/// Which files hold the weights, before any tensor is looked at.
struct WeightSet {
  std::optional<std::map<std::string, std::string>> index;  ///< tensor -> shard, of a model in shards
  std::optional<FileDigest> index_file;
  std::set<std::string> files;  ///< names inside the directory; a shard may be missing
};

/// Throws CheckpointError if there are no weights, two sets of them, or an index that is not usable.
WeightSet find_weight_set(const std::filesystem::path& directory);

/// Throws CheckpointError if there are no weights, two sets of them, or an index that does not match its files.
WeightFiles read_weight_files(const std::filesystem::path& directory);

/// Name, size and digest of bytes that were read from the file.
FileDigest file_digest(std::string name, std::span<const std::byte> bytes);

}  // namespace plumbline
