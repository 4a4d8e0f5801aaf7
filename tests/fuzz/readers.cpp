// SPDX-License-Identifier: Apache-2.0
#include "fuzz/readers.h"

#include <plumbline/error.h>
#include <plumbline/model.h>
#include <plumbline/trace.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/hash.h"
#include "gate/policy_file.h"
#include "model/audit.h"
#include "model/gguf_import.h"
#include "run/feed.h"
#include "support/raw_gguf.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

using std::filesystem::path;

/// One layer of a few KiB.
TinyModelOptions smallest(int shards) {
  TinyModelOptions options;
  options.layers = 1;
  options.hidden = 8;
  options.heads = 2;
  options.kv_heads = 1;
  options.head_dim = 4;
  options.intermediate = 8;
  options.vocab = 8;
  options.shards = shards;
  return options;
}

void make_model(const path& folder, int shards = 1) {
  const TempDirectory model = write_tiny_model(smallest(shards));
  using std::filesystem::copy_options;
  std::filesystem::copy(model.path(), folder, copy_options::recursive | copy_options::overwrite_existing);
}

void touch(const Trace& trace) {
  for (const TapEntry& entry : trace.taps()) xxh3_64(trace.read(entry).view().bytes());
  verify_trace(trace, 1);
}

void read_trace(const path& folder, std::string_view bytes) {
  write_file(folder / "a.h5", bytes);
  touch(Trace::open(folder / "a.h5"));
}

TraceHeader small_header() {
  TraceHeader header;
  header.run_id = "r1";
  header.backend = "oracle";
  header.files["config.json"] = "00 1";
  header.environment["threads"] = "1";
  header.faults = {"rope.theta=1e4"};
  return header;
}

void record_all(TraceWriter& writer) {
  const std::vector<uint16_t> values = {0x3F80, 0xBF80, 0x7FC0, 0x0001, 0x0000, 0x4049};
  const TensorView view{DType::bf16, {2, 3}, reinterpret_cast<const std::byte*>(values.data())};
  for (const int64_t step : {0, 1}) {
    writer.begin_step({step, 2 * step, {80, 81}});
    for (const char* name : {"embed", "layer.0.x"})
      writer.record({name, DType::bf16, {"token", "hidden"}, false}, view);
  }
}

std::vector<std::string> own_seeds(const path& folder) {
  TraceWriter writer(folder / "seed.h5", small_header(), {.replace = true});
  record_all(writer);
  writer.finish();
  return {read_file(folder / "seed.h5")};
}

std::vector<std::string> foreign_seeds(const path&) {
  return {read_file(PLUMBLINE_SOURCE_DIR "/dumps/golden/h5py_foreign.h5"),
          read_file(PLUMBLINE_SOURCE_DIR "/tests/corpus/trace-foreign/sound-chunked.h5")};
}

void leave_unfinished(const path& folder) {
  TraceWriter writer(folder / "left.h5", small_header(), {.replace = true});
  record_all(writer);
}

std::vector<std::string> journal_seeds(const path& folder) {
  leave_unfinished(folder);
  return {read_file(folder / "left.h5.part.journal")};
}

std::vector<std::string> part_seeds(const path& folder) {
  leave_unfinished(folder);
  return {read_file(folder / "left.h5.part")};
}

/// What is saved must be a sound trace, whatever the mutant was.
void recover_left(const path& folder) {
  const path saved = folder / "saved.h5";
  for (const char* name : {"saved.h5", "saved.h5.part", "saved.h5.part.journal"})
    std::filesystem::remove(folder / name);
  recover_trace(folder / "left.h5.part", saved);
  touch(Trace::open(saved));
}

void read_journal(const path& folder, std::string_view bytes) {
  write_file(folder / "left.h5.part.journal", bytes);
  recover_left(folder);
}

void read_part(const path& folder, std::string_view bytes) {
  write_file(folder / "left.h5.part", bytes);
  recover_left(folder);
}

std::vector<std::string> config_seeds(const path& folder) {
  make_model(folder);
  TinyModelOptions scaled = smallest(1);
  scaled.new_config_keys = true;
  scaled.rope_scaling = RopeScaling{8.0, 1.0, 4.0, 1024.0};
  return {read_file(folder / "config.json"), tiny_config(scaled).dump(1)};
}

void read_config(const path& folder, std::string_view bytes) {
  write_file(folder / "config.json", bytes);
  load_model(folder);
}

std::vector<std::string> safetensors_seeds(const path& folder) {
  make_model(folder);
  return {read_file(folder / "model.safetensors")};
}

void read_safetensors(const path& folder, std::string_view bytes) {
  write_file(folder / "model.safetensors", bytes);
  for (const auto& [name, tensor] : load_model(folder).parameters) digest(tensor.view());
}

/// The same file, and one in f32 with matrices that have neighbours to be compared with.
std::vector<std::string> audit_seeds(const path& folder) {
  make_model(folder);
  TinyModelOptions wider = smallest(1);
  wider.hidden = 16;
  wider.head_dim = 8;
  wider.dtype = "float32";
  return {read_file(folder / "model.safetensors"), read_file(write_tiny_model(wider).path() / "model.safetensors")};
}

/// It looks at the numbers of files that do not fit the config, too, which load_model() refuses.
void read_audit(const path& folder, std::string_view bytes) {
  write_file(folder / "model.safetensors", bytes);
  audit_checkpoint(folder, 1);
}

/// The smallest Llama in BF16, and one whose matrices are in blocks of every kind.
std::vector<std::string> gguf_seeds(const path&) {
  TinyModelOptions options = smallest(1);
  options.llama = true;
  const std::string plain = gguf_bytes(gguf_of_llama(tiny_config(options), tiny_tensors(options)));
  options.hidden = 32;
  options.intermediate = 256;
  RawGguf blocks = gguf_of_llama(tiny_config(options), tiny_tensors(options));
  const auto store = [&](const char* name, uint32_t type, size_t block, size_t block_bytes) {
    RawGgufTensor& tensor = blocks.tensor(name);
    tensor.type = type;
    tensor.bytes.assign(tensor.shape[0] * tensor.shape[1] / block * block_bytes, '\x2a');
  };
  store("token_embd.weight", kQ4_1, 32, 20);
  store("blk.0.attn_q.weight", kQ4_0, 32, 18);
  store("blk.0.ffn_up.weight", kQ8_0, 32, 34);
  store("blk.0.ffn_down.weight", kQ6_K, 256, 210);
  blocks.set("tokenizer.ggml.pre", gguf_text("smollm"));
  blocks.set("tokenizer.ggml.bos_token_id", gguf_u32(1));
  blocks.set("tokenizer.ggml.add_bos_token", gguf_bool(true));
  blocks.set("tokenizer.chat_template", gguf_text("{{ messages }}"));
  return {plain, gguf_bytes(blocks)};
}

/// What is imported must load.
void read_gguf(const path& folder, std::string_view bytes) {
  write_file(folder / "m.gguf", bytes);
  std::filesystem::remove_all(folder / "imported");
  import_gguf({folder / "m.gguf", folder / "imported", DType::bf16, true});
  try {
    load_model(folder / "imported");
    for (const char* file : {"tokenizer.json", "tokenizer_config.json", "plumbline_import.json"})
      if (!nlohmann::json::parse(read_file(folder / "imported" / file)).is_object())
        throw std::logic_error(file + std::string(" is no object"));
  } catch (const std::exception& problem) {
    throw std::logic_error(std::string("what was imported cannot be read: ") + problem.what());
  }
}

std::vector<std::string> index_seeds(const path& folder) {
  make_model(folder, 2);
  return {read_file(folder / "model.safetensors.index.json")};
}

void read_index(const path& folder, std::string_view bytes) {
  write_file(folder / "model.safetensors.index.json", bytes);
  load_model(folder);
}

std::vector<std::string> tokenizer_seeds(const path&) { return {tiny_tokenizer().dump()}; }

void read_tokenizer(const path& folder, std::string_view bytes) {
  write_file(folder / "tokenizer.json", bytes);
  const Tokenizer tokenizer = Tokenizer::load(folder);
  tokenizer.decode(tokenizer.encode("ab\xff"));
}

std::vector<std::string> policy_seeds(const path&) {
  return {read_file(PLUMBLINE_SOURCE_DIR "/tests/corpus/policy/sound-everything.toml")};
}

void read_policy_file(const path& folder, std::string_view bytes) {
  write_file(folder / "plumbline.toml", bytes);
  read_policy(folder / "plumbline.toml");
}

std::vector<std::string> tokens_seeds(const path&) {
  return {"[80, 108, 117, 109, 98]\n", "80 108,117\n109\t98", "[1]"};
}

void read_tokens(const path&, std::string_view bytes) { run::parse_token_ids(std::string(bytes), "tokens.json"); }

}  // namespace

const std::vector<Reader>& all_readers() {
  static const std::vector<Reader> readers = {{"config", Form::text, config_seeds, read_config},
                                              {"safetensors", Form::safetensors, safetensors_seeds, read_safetensors},
                                              {"audit", Form::safetensors, audit_seeds, read_audit},
                                              {"gguf", Form::binary, gguf_seeds, read_gguf},
                                              {"index", Form::text, index_seeds, read_index},
                                              {"tokenizer", Form::text, tokenizer_seeds, read_tokenizer},
                                              {"policy", Form::text, policy_seeds, read_policy_file},
                                              {"tokens", Form::text, tokens_seeds, read_tokens},
                                              {"trace-own", Form::binary, own_seeds, read_trace},
                                              {"trace-foreign", Form::binary, foreign_seeds, read_trace},
                                              {"journal", Form::journal, journal_seeds, read_journal},
                                              {"part", Form::binary, part_seeds, read_part}};
  return readers;
}

}  // namespace plumbline::test
