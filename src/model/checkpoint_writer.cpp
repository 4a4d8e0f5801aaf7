// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint_writer.h"

#include <algorithm>
#include <vector>

#include <plumbline/error.h>

#include "model/byte_tokenizer.h"
#include "model/output_file.h"
#include "model/part_folder.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVerb = "make-model";
constexpr int64_t kBytesAndEnd = 257;  // ids that the byte tokenizer needs
constexpr const char* kConfig = "config.json";
constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kTokenizerConfig = "tokenizer_config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kFiles[] = {kConfig, kTokenizer, kTokenizerConfig, kWeights};  // at most these are written

int64_t write_plan(const CheckpointPlan& plan, const fs::path& file, const WriteProgress& progress) {
  std::vector<SafetensorsEntry> entries;
  for (const PlannedTensor& tensor : plan.tensors) entries.push_back({tensor.name, plan.dtype, tensor.shape});
  OutputFile out(file, kVerb);
  const int64_t bytes = write_weights(
      out, entries,
      [&](size_t entry, int64_t first, int64_t count, std::byte* to) {
        draw(plan, plan.tensors[entry], first, count, to);
      },
      progress);
  out.finish();
  return bytes;
}

/// What --force may remove: a checkpoint like those written here, and nothing that holds folders or links.
void require_replaceable(const fs::path& directory) {
  bool plain = fs::is_directory(fs::symlink_status(directory)) && fs::exists(directory / kConfig);
  if (plain)
    for (const fs::directory_entry& entry : fs::directory_iterator(directory))
      plain = plain && entry.symlink_status().type() == fs::file_type::regular;
  if (!plain)
    throw UsageError("make-model: " + directory.string() + " is no model directory of plain files", {},
                     "--force replaces only such; remove it yourself, or choose another name");
}

/// The same of what an interrupted run left, which may lack any of its files.
void require_own(const fs::path& part) {
  bool own = fs::is_directory(fs::symlink_status(part));
  if (own)
    for (const fs::directory_entry& entry : fs::directory_iterator(part))
      own = own && entry.symlink_status().type() == fs::file_type::regular &&
            std::find(std::begin(kFiles), std::end(kFiles), entry.path().filename()) != std::end(kFiles);
  if (!own)
    throw UsageError("make-model: " + part.string() + " holds what make-model does not write", {},
                     "remove it yourself, or choose another name");
}

void check_names(const fs::path& directory, const fs::path& part, bool replace) {
  if (fs::exists(fs::symlink_status(directory))) {
    if (!replace) throw UsageError("make-model: " + directory.string() + " exists", {}, "--force replaces it");
    require_replaceable(directory);
    const fs::path old = PartFolder::name_of_old(directory);
    if (fs::exists(fs::symlink_status(old)))
      throw UsageError("make-model: " + old.string() + " exists: it is in the way of replacing " + directory.string(),
                       {}, "it is what an interrupted replacement left, or yours: rename or remove it");
  }
  if (!fs::exists(fs::symlink_status(part))) return;
  if (!replace)
    throw UsageError("make-model: " + part.string() + " exists: it is being written or was interrupted", {},
                     "--force drops it and starts over");
  require_own(part);
  fs::remove_all(part);
}

int64_t write_files(const CheckpointPlan& plan, const fs::path& part, const WriteProgress& progress) {
  write_text_file(part / kConfig, plan.config_json, kVerb);
  if (plan.vocab >= kBytesAndEnd) {
    write_text_file(part / kTokenizer, byte_tokenizer_json(), kVerb);
    write_text_file(part / kTokenizerConfig, byte_tokenizer_config_json(plan.max_positions), kVerb);
  }
  return write_plan(plan, part / kWeights, progress);
}

}  // namespace

int64_t write_checkpoint(const CheckpointPlan& plan, const fs::path& directory, bool replace,
                         const WriteProgress& progress) {
  const fs::path name = directory.has_filename() ? directory : directory.parent_path();
  const fs::path part = PartFolder::name_of_part(name);
  try {
    check_names(name, part, replace);
    PartFolder folder(name, {std::begin(kFiles), std::end(kFiles)}, kVerb);
    const int64_t bytes = write_files(plan, part, progress);
    folder.take_name();
    return bytes;
  } catch (const fs::filesystem_error& error) {
    cannot_write(kVerb, error.path1(), error.code().value());
  }
}

}  // namespace plumbline
