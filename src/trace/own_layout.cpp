// SPDX-License-Identifier: Apache-2.0
#include "trace/own_layout.h"

#include <cstring>

#include "trace/hdf5_types.h"
#include "trace/header_text.h"
#include "trace/index_builder.h"

namespace plumbline::trace {
namespace {

template <class T>
std::vector<T> rows_of(const std::string& bytes) {
  std::vector<T> rows(bytes.size() / sizeof(T));
  if (!rows.empty()) std::memcpy(rows.data(), bytes.data(), rows.size() * sizeof(T));
  return rows;
}

/// /strings, cut by /string_offsets.
class Strings {
 public:
  Strings(const Input& input, const std::string& offsets, const std::string& bytes)
      : input_(input), offsets_(rows_of<uint64_t>(offsets)), bytes_(bytes) {
    for (size_t i = 0; i < offsets_.size(); ++i) {
      if (offsets_[i] > bytes_.size() || (i > 0 && offsets_[i] < offsets_[i - 1]))
        input_.refuse("/string_offsets", "offset " + std::to_string(i) + " lies outside /strings");
    }
  }
  std::string at(uint32_t id) const {
    if (offsets_.size() < 2 || id >= offsets_.size() - 1)
      input_.refuse("/index", "text id " + std::to_string(id) + " is not in /strings");
    return bytes_.substr(offsets_[id], offsets_[id + 1] - offsets_[id]);
  }

 private:
  const Input& input_;
  std::vector<uint64_t> offsets_;
  const std::string& bytes_;
};

TapEntry entry_of(const Input& input, const Strings& strings, const IndexRow& row) {
  const auto refuse = [&](const std::string& problem) {
    input.refuse("/index row " + std::to_string(row.seq), problem);
  };
  TapEntry entry;
  entry.path = strings.at(row.path);
  entry.step = row.step;
  entry.layer = row.layer;
  const std::optional<DType> dtype = parse_dtype(strings.at(row.dtype));
  if (!dtype) refuse("unknown dtype '" + printable(strings.at(row.dtype)) + "'");
  entry.dtype = *dtype;
  if (row.rank > kMaxRank || row.n_axes > kMaxRank)
    refuse("rank " + std::to_string(row.rank) + ", at most 8 is stored");
  for (uint32_t i = 0; i < row.rank; ++i) entry.shape.push_back(static_cast<int64_t>(row.dims[i]));
  for (uint32_t i = 0; i < row.n_axes; ++i) entry.axes.push_back(strings.at(row.axes[i]));
  entry.file_offset = static_cast<int64_t>(row.offset);
  entry.byte_size = static_cast<int64_t>(row.nbytes);
  entry.xxh3 = hex_of(row.xxh3);
  return entry;
}

std::vector<Step> steps_of(const Input& input, const std::string& steps, const std::string& tokens) {
  const std::vector<int64_t> ids = rows_of<int64_t>(tokens);
  std::vector<Step> out;
  for (const StepRow& row : rows_of<StepRow>(steps)) {
    if (row.first_token > ids.size() || row.n_tokens > ids.size() - row.first_token)
      input.refuse("/steps", "step " + std::to_string(row.step) + " names tokens outside /tokens");
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(row.first_token);
    out.push_back({row.step, row.first_position, {first, first + static_cast<std::ptrdiff_t>(row.n_tokens)}});
  }
  return out;
}

TraceHeader header_of(const Input& input, const IndexParts& parts) {
  const auto text = [&](const char* name) { return text_attribute(input, input.root.get(), name).value_or(""); };
  TraceHeader header;
  header.run_id = text("run_id");
  header.producer = text("producer");
  header.producer_version = text("producer_version");
  header.created_utc = text("created_utc");
  header.backend = text("backend");
  header.device = text("device");
  header.model_directory = text("model");
  header.architecture = text("architecture");
  header.config_json = parts.config;
  header.graph_json = parts.graph;
  header.files = map_from_json(parts.files);
  header.parameters = map_from_json(parts.parameters);
  header.environment = map_from_json(parts.environment);
  header.faults = list_from_json(parts.faults);
  header.prompt = parts.prompt;
  header.complete = true;
  header.recovered = number_attribute(input, input.root.get(), "recovered", H5T_STD_U8LE).value_or(0) != 0;
  return header;
}

}  // namespace

bool is_own_trace(const Input& input) {
  if (text_attribute(input, input.root.get(), "format") != std::optional<std::string>(kFormat)) return false;
  const std::optional<uint64_t> version = number_attribute(input, input.root.get(), "format_version", H5T_STD_U32LE);
  if (version != kFormatVersion)
    input.refuse("/", "schema version " + (version ? std::to_string(*version) : "missing") + ", this program reads 1",
                 "read it with the plumbline that wrote it");
  if (number_attribute(input, input.root.get(), "complete", H5T_STD_U8LE) != uint64_t{1})
    input.refuse("/", "the run that wrote it did not finish (complete = 0)", "`plumbline recover` saves what it holds");
  return true;
}

FlatTable read_own_trace(const Input& input) {
  const Handle row = index_row_type(), step = step_row_type();
  const std::string rows = plain_dataset(input, "index", row.get());
  const std::string offsets = plain_dataset(input, "string_offsets", H5T_STD_U64LE);
  const std::string texts = plain_dataset(input, "strings", H5T_STD_U8LE);
  const std::string steps = plain_dataset(input, "steps", step.get());
  const std::string tokens = plain_dataset(input, "tokens", H5T_STD_I64LE);
  const auto blob = [&](const char* name) { return plain_dataset(input, name, H5T_STD_U8LE); };
  const std::string config = blob("config"), graph = blob("graph"), files = blob("files"),
                    parameters = blob("parameters"), environment = blob("environment"), faults = blob("faults"),
                    prompt = blob("prompt");
  const IndexParts parts = {rows,  offsets, texts,      steps,       tokens, config,
                            graph, files,   parameters, environment, faults, prompt};
  if (number_attribute(input, input.root.get(), "index_xxh3", H5T_STD_U64LE) != parts.digest())
    input.refuse("/index", "index and texts do not match index_xxh3: the file was damaged or edited",
                 "take another copy or record the run again");
  FlatTable table;
  try {
    table.header = header_of(input, parts);
  } catch (const ByteError& error) {
    input.refuse("/files, /parameters, /environment, /faults", error.what());
  }
  table.steps = steps_of(input, steps, tokens);
  const Strings strings(input, offsets, texts);
  for (const IndexRow& one : rows_of<IndexRow>(rows)) table.taps.push_back(entry_of(input, strings, one));
  return table;
}

}  // namespace plumbline::trace
