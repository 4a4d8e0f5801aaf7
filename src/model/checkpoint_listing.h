// SPDX-License-Identifier: Apache-2.0
// What a directory's weight files hold, listed without judging it against the config: the audit's view of a checkpoint.
// Invariant: every stored tensor is listed once under its name; where index and shards contradict each other that is a
// problem in the list, not an end (load_model refuses such a directory). Leaves to others: what must be there, values.
// Errors: CheckpointError if there are no weights, two sets of them, an unusable index or a damaged file.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/safetensors.h"

namespace plumbline {

struct ListedTensor {
  Tensor tensor;
  std::string file;    ///< name inside the directory
  size_t mapping = 0;  ///< which of `files` it lies in
};

struct ListingProblem {
  std::string tensor;
  std::string what;  ///< "is stored in two shards"
  std::vector<std::string> facts;
};

struct CheckpointListing {
  std::vector<SafetensorsFile> files;
  std::map<std::string, ListedTensor> tensors;  ///< of one stored twice: where the index places it, else the first
  std::vector<ListingProblem> problems;
  int64_t bytes = 0;  ///< of all weight files
};

CheckpointListing list_checkpoint(const std::filesystem::path& directory);

}  // namespace plumbline
