// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_import.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

#include <plumbline/error.h>

#include "model/gguf_config.h"
#include "model/gguf_keys.h"
#include "model/gguf_tensors.h"
#include "model/gguf_tokenizer.h"
#include "model/part_folder.h"
#include "model/strict_json.h"
#include "model/weight_files.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kVerb = "import";
constexpr const char* kConfig = "config.json";
constexpr const char* kTokenizer = "tokenizer.json";
constexpr const char* kTokenizerConfig = "tokenizer_config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kOrigin = "plumbline_import.json";
constexpr size_t kLongestNote = 1000;  // a text under general.* that is longer is no note of origin

/// Everything that is known before anything is written.
struct Plan {
  GgufFile file;
  GgufConfig config;
  std::vector<GgufSource> sources;
  std::optional<GgufTokenizer> tokenizer;
};

Plan plan_import(const GgufImport& import) {
  Plan plan{GgufFile::open(import.file), {}, {}, {}};
  plan.config = config_of(plan.file, import.dtype);
  plan.sources = sources_of(plan.file, plan.config.config);
  if (import.tokenizer)
    plan.tokenizer = tokenizer_of(plan.file, plan.config.config.vocab, plan.config.config.max_positions);
  return plan;
}

[[noreturn]] void refuse_overflow(const Plan& plan, const GgufSource& source, int64_t element, float value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.9g", static_cast<double>(value));
  GgufKeys(plan.file).refuse(
      "a weight would overflow in bf16",
      {"tensor  " + printable(source.stored->name), "element " + std::to_string(element) + " (flat) of " + source.name,
       std::string("value   ") + digits},
      "import it as f32 (leave --dtype out)");
}

int64_t write_model(const Plan& plan, const fs::path& file, GgufImported& done, const WriteProgress& progress) {
  const DType dtype = plan.config.config.dtype;
  std::vector<SafetensorsEntry> entries;
  for (const GgufSource& source : plan.sources) entries.push_back({source.name, dtype, source.shape});
  std::mutex mutex;  // guards done.cast
  const FillWeights fill = [&](size_t entry, int64_t first, int64_t count, std::byte* out) {
    std::vector<float> widened(static_cast<size_t>(count));
    read_weights(plan.sources[entry], first, count, widened.data());
    if (dtype == DType::f32) {
      std::memcpy(out, widened.data(), widened.size() * sizeof(float));
      return;
    }
    const TensorView all{DType::f32, {count}, reinterpret_cast<const std::byte*>(widened.data())};
    const CastPiece piece = cast_piece(all, dtype, 0, count, out);
    if (piece.overflows >= 0)
      refuse_overflow(plan, plan.sources[entry], first + piece.overflows,
                      widened[static_cast<size_t>(piece.overflows)]);
    const std::lock_guard lock(mutex);
    done.cast->changed += piece.changed;
    done.cast->vanished += piece.vanished;
  };
  OutputFile out(file, kVerb);
  const int64_t bytes = write_weights(out, entries, fill, progress);
  out.finish();
  return bytes;
}

GgufImported counted(const Plan& plan) {
  GgufImported done;
  done.version = plan.file.version();
  done.scaling = plan.config.scaling;
  done.tensors = static_cast<int64_t>(plan.sources.size());
  for (const GgufSource& source : plan.sources) {
    ++done.types[source.stored->type->name];
    done.weights += element_count(source.shape);
    done.turned += source.head_dim > 0 ? 1 : 0;
  }
  const DType dtype = plan.config.config.dtype;
  if (dtype != DType::f32) done.cast = WeightCast{DType::f32, dtype, done.weights};
  return done;
}

Json notes_of(const GgufFile& file) {
  Json notes = Json::object();
  for (const GgufPair& pair : file.pairs())
    if (pair.key.starts_with("general.") && pair.value.kind == GgufKind::text &&
        pair.value.bytes.size() <= kLongestNote)
      notes[std::string(pair.key)] = pair.value.bytes;
  return notes;
}

std::string origin_text(const GgufImport& import, const Plan& plan, const GgufImported& done) {
  const FileDigest digest = file_digest(import.file.filename().string(), plan.file.file_bytes());
  Json tensors = Json::array();
  for (const GgufSource& source : plan.sources) {
    Json tensor = {{"name", source.name}, {"from", source.stored->name}, {"type", source.stored->type->name}};
    if (source.head_dim > 0)
      tensor["rows"] = "moved back: in each head of " + std::to_string(source.head_dim) + ", row s*" +
                       std::to_string(source.head_dim / 2) + "+j was row 2j+s";
    tensors.push_back(std::move(tensor));
  }
  Json origin = {{"format", {{"name", "plumbline-import"}, {"version", "1.0"}}},
                 {"source",
                  {{"file", digest.name},
                   {"bytes", digest.bytes},
                   {"xxh3_128", digest.xxh3},
                   {"format", "gguf"},
                   {"version", done.version}}},
                 {"general", notes_of(plan.file)},
                 {"dtype", dtype_name(plan.config.config.dtype)},
                 {"rounding", done.cast ? "widened to f32 as ggml does; then " + describe(*done.cast)
                                        : "widened to f32 as ggml does; nothing else was rounded"}};
  if (!done.scaling.empty()) origin["rope_scaling"] = done.scaling;
  origin["tokenizer"] = plan.tokenizer ? Json(plan.tokenizer->pre->name) : Json(nullptr);
  origin["tensors"] = std::move(tensors);
  return origin.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void check_names(const fs::path& directory) {
  if (fs::exists(fs::symlink_status(directory)) &&
      !(fs::is_directory(fs::symlink_status(directory)) && fs::is_empty(directory)))
    throw UsageError("import: " + directory.string() + " exists and is no empty directory", {},
                     "remove it yourself, or choose another name");
  for (const fs::path& other : {PartFolder::name_of_part(directory), PartFolder::name_of_old(directory)})
    if (fs::exists(fs::symlink_status(other)))
      throw UsageError("import: " + other.string() + " exists: it is being written, was interrupted, or is yours", {},
                       "remove it yourself, or choose another name");
}

void write_files(const GgufImport& import, const Plan& plan, const fs::path& part, GgufImported& done,
                 const WriteProgress& progress) {
  write_text_file(part / kConfig, plan.config.json, kVerb);
  if (plan.tokenizer) {
    OutputFile out(part / kTokenizer, kVerb);
    write_tokenizer(*plan.tokenizer, out);
    out.finish();
    write_text_file(part / kTokenizerConfig, tokenizer_config(*plan.tokenizer), kVerb);
  }
  done.bytes = write_model(plan, part / kWeights, done, progress);
  write_text_file(part / kOrigin, origin_text(import, plan, done), kVerb);
}

}  // namespace

GgufImported import_gguf(const GgufImport& import, const WriteProgress& progress) {
  if (import.dtype != DType::f32 && import.dtype != DType::bf16)
    throw UsageError("no GGUF file is imported as " + std::string(dtype_name(import.dtype)), {}, "formats: f32, bf16");
  const fs::path name = import.directory.has_filename() ? import.directory : import.directory.parent_path();
  try {
    check_names(name);
    const Plan plan = plan_import(import);
    GgufImported done = counted(plan);
    PartFolder folder(name, {kConfig, kTokenizer, kTokenizerConfig, kWeights, kOrigin}, kVerb);
    write_files(import, plan, PartFolder::name_of_part(name), done, progress);
    folder.take_empty_name();
    return done;
  } catch (const fs::filesystem_error& error) {
    cannot_write(kVerb, error.path1(), error.code().value());
  }
}

}  // namespace plumbline
