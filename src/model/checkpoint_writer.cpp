// SPDX-License-Identifier: Apache-2.0
#include "model/checkpoint_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <plumbline/error.h>

#include "core/parallel.h"
#include "model/byte_tokenizer.h"
#include "model/part_folder.h"
#include "model/safetensors_writer.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPiece = int64_t{1} << 16;  // numbers drawn at a time by one thread
constexpr int64_t kPieces = 32;               // pieces between two writes: 4 MiB of bf16
constexpr int64_t kBytesAndEnd = 257;         // ids that the byte tokenizer needs
constexpr const char* kConfig = "config.json";
constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kTokenizerConfig = "tokenizer_config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kFiles[] = {kConfig, kTokenizer, kTokenizerConfig, kWeights};  // at most these are written

[[noreturn]] void cannot_write(const fs::path& file, int reason) {
  throw Error("make-model: cannot write", {"file    " + file.string(), std::string("reason  ") + std::strerror(reason)},
              "nothing is left behind; make room, or choose another place");
}

/// A file that is being made.
class Output {
 public:
  explicit Output(fs::path file)
      : file_(std::move(file)), handle_(::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (handle_ < 0) cannot_write(file_, errno);
  }
  ~Output() {
    if (handle_ >= 0) ::close(handle_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void write(const void* bytes, size_t count) {
    const char* from = static_cast<const char*>(bytes);
    while (count > 0) {
      const ssize_t done = ::write(handle_, from, count);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) cannot_write(file_, errno);
      from += done;
      count -= static_cast<size_t>(done);
    }
  }
  void write(const std::string& text) { write(text.data(), text.size()); }
  /// Also what the system still held back reaches the disk, or is an error.
  void finish() {
    if (::fsync(handle_) != 0 && errno != EINVAL) cannot_write(file_, errno);
    if (::close(std::exchange(handle_, -1)) != 0) cannot_write(file_, errno);
  }

 private:
  fs::path file_;
  int handle_;
};

void write_text(const fs::path& file, const std::string& text) {
  Output out(file);
  out.write(text);
  out.finish();
}

std::string header_of(const CheckpointPlan& plan) {
  std::vector<SafetensorsEntry> entries;
  for (const PlannedTensor& tensor : plan.tensors) entries.push_back({tensor.name, plan.dtype, tensor.shape});
  return safetensors_header(entries);
}

int64_t write_weights(const CheckpointPlan& plan, const fs::path& file, const WriteProgress& progress) {
  Output out(file);
  const std::string header = header_of(plan);
  out.write(header);
  const size_t bytes = element_bytes(plan.dtype);
  const int64_t all = plan.elements() * static_cast<int64_t>(bytes);
  std::vector<std::byte> buffer(static_cast<size_t>(kPiece * kPieces) * bytes);
  int64_t done = 0;
  for (const PlannedTensor& tensor : plan.tensors) {
    const int64_t count = element_count(tensor.shape);
    for (int64_t first = 0; first < count; first += kPiece * kPieces) {
      const int64_t here = std::min(count - first, kPiece * kPieces);
      parallel_for((here + kPiece - 1) / kPiece, 0, [&](int64_t piece) {
        const int64_t from = piece * kPiece;
        draw(plan, tensor, first + from, std::min(kPiece, here - from),
             buffer.data() + static_cast<size_t>(from) * bytes);
      });
      out.write(buffer.data(), static_cast<size_t>(here) * bytes);
      done += here * static_cast<int64_t>(bytes);
      if (progress) progress(done, all);
    }
  }
  out.finish();
  return static_cast<int64_t>(header.size()) + all;
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
  write_text(part / kConfig, plan.config_json);
  if (plan.vocab >= kBytesAndEnd) {
    write_text(part / kTokenizer, byte_tokenizer_json());
    write_text(part / kTokenizerConfig, byte_tokenizer_config_json(plan.max_positions));
  }
  return write_weights(plan, part / kWeights, progress);
}

}  // namespace

int64_t write_checkpoint(const CheckpointPlan& plan, const fs::path& directory, bool replace,
                         const WriteProgress& progress) {
  const fs::path name = directory.has_filename() ? directory : directory.parent_path();
  const fs::path part = PartFolder::name_of_part(name);
  try {
    check_names(name, part, replace);
    PartFolder folder(name, {std::begin(kFiles), std::end(kFiles)});
    const int64_t bytes = write_files(plan, part, progress);
    folder.take_name();
    return bytes;
  } catch (const fs::filesystem_error& error) {
    cannot_write(error.path1(), error.code().value());
  }
}

}  // namespace plumbline
