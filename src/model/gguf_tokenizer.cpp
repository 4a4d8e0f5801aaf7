// SPDX-License-Identifier: Apache-2.0
// Sources: llama.cpp, llama-vocab.cpp (names of pre-tokenizers and their patterns, which ones add a first token if no
// key says so) and conversion/base.py (kinds of tokens, padding of the list); the published tokenizer.json of
// SmolLM2-135M-Instruct, GPT-2 and Llama 3 (the same in the words of Hugging Face's `tokenizers`).
#include "model/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <optional>

#include "model/gguf_keys.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kLlama3 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr std::array<PreTokenizer, 3> kPreTokenizers = {
    {{"smollm", true, "", false}, {"gpt-2", false, "", false}, {"llama-bpe", false, kLlama3, true}}};

enum TokenKind : int32_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

constexpr const char* kWithout =
    "--no-tokenizer imports the weights alone; put tokenizer.json of the model's Hugging Face checkpoint beside them";
constexpr size_t kLongestTemplate = 1 << 20;
constexpr size_t kFlush = 1 << 16, kLongestToken = 1 << 16;

int32_t kind_of(const GgufTokenizer& tokenizer, size_t id) {
  int32_t kind = kNormal;
  if (!tokenizer.kinds.empty()) std::memcpy(&kind, tokenizer.kinds.data() + id * sizeof kind, sizeof kind);
  return kind;
}

/// Ids by the token's text.
class TokenIds {
 public:
  explicit TokenIds(const std::vector<std::string_view>& tokens) : tokens_(tokens), ids_(tokens.size()) {
    std::iota(ids_.begin(), ids_.end(), uint32_t{0});
    std::sort(ids_.begin(), ids_.end(), [&](uint32_t a, uint32_t b) { return tokens_[a] < tokens_[b]; });
  }
  /// Two ids of the same text.
  std::optional<std::pair<uint32_t, uint32_t>> twins() const {
    const auto twin =
        std::adjacent_find(ids_.begin(), ids_.end(), [&](uint32_t a, uint32_t b) { return tokens_[a] == tokens_[b]; });
    if (twin == ids_.end()) return std::nullopt;
    return std::pair(*twin, *(twin + 1));
  }
  /// The id, or nothing.
  std::optional<size_t> find(std::string_view text) const {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), text,
                                     [&](uint32_t id, std::string_view wanted) { return tokens_[id] < wanted; });
    if (at == ids_.end() || tokens_[*at] != text) return std::nullopt;
    return *at;
  }

 private:
  const std::vector<std::string_view>& tokens_;
  std::vector<uint32_t> ids_;
};

class TokenizerReader {
 public:
  TokenizerReader(const GgufFile& file, int64_t vocab, int64_t context) : file_(file), keys_(file), vocab_(vocab) {
    made_.context = context;
  }

  GgufTokenizer read() {
    read_way();
    read_tokens();
    read_merges();
    read_named_tokens();
    read_template();
    return std::move(made_);
  }

 private:
  void read_way() {
    const std::string model = "tokenizer.ggml.model", pre = "tokenizer.ggml.pre";
    if (!keys_.has(model) || keys_.text(model) != "gpt2")
      keys_.refuse("this tokenizer is not imported", model, "\"gpt2\" (a byte-level BPE)", kWithout);
    std::string known;
    const std::string name = keys_.has(pre) ? keys_.text(pre) : "";
    for (const PreTokenizer& each : kPreTokenizers) {
      if (each.name == name) made_.pre = &each;
      known.append(known.empty() ? "\"" : ", \"").append(each.name).append("\"");
    }
    if (made_.pre == nullptr)
      keys_.refuse("how this tokenizer cuts a text into words is not known here", pre, "one of " + known, kWithout);
    if (keys_.flag("tokenizer.ggml.add_space_prefix", false))
      keys_.refuse("a blank before the text is not imported", "tokenizer.ggml.add_space_prefix", "absent or false",
                   kWithout);
    made_.add_bos = keys_.flag("tokenizer.ggml.add_bos_token", made_.pre->name == "llama-bpe");
    made_.add_eos = keys_.flag("tokenizer.ggml.add_eos_token", false);
  }

  void read_tokens() {
    const std::string list = "tokenizer.ggml.tokens", kinds = "tokenizer.ggml.token_type";
    made_.tokens = keys_.texts(list);
    if (std::cmp_not_equal(made_.tokens.size(), vocab_))
      keys_.refuse("the tokens are not as many as the embedding has rows", list, "a list of " + std::to_string(vocab_),
                   kWithout);
    if (const GgufValue* found = file_.find(kinds)) {
      if (found->kind != GgufKind::list || found->element != GgufKind::i32 || found->count != made_.tokens.size())
        keys_.refuse("a key has a value that cannot be used", kinds, "a list of " + std::to_string(vocab_) + " i32",
                     kWithout);
      made_.kinds = found->bytes;
    }
    for (size_t id = 0; id < made_.tokens.size(); ++id) check_token(id);
    if (const auto twins = TokenIds(made_.tokens).twins())
      keys_.refuse("two tokens are the same text",
                   {"token   " + printable(made_.tokens[twins->first]),
                    "ids     " + std::to_string(twins->first) + ", " + std::to_string(twins->second)},
                   kWithout);
  }

  void check_token(size_t id) const {
    const int32_t kind = kind_of(made_, id);
    const bool known = kind >= kNormal && kind <= kUnused;
    if (made_.tokens[id].size() > kLongestToken)
      keys_.refuse("a token is too long",
                   {"id      " + std::to_string(id), "length  " + std::to_string(made_.tokens[id].size()) + " bytes",
                    "limit   " + std::to_string(kLongestToken)},
                   kWithout);
    if (known && !made_.tokens[id].empty() && json_text(made_.tokens[id])) return;
    keys_.refuse(known ? "a token is empty or no UTF-8" : "a token is of a kind that a byte-level BPE has not",
                 {"token   " + printable(made_.tokens[id]), "id      " + std::to_string(id),
                  "kind    " + std::to_string(kind) + " (tokenizer.ggml.token_type)"},
                 kWithout);
  }

  /// Two tokens each, which together are a token again: else transformers does not load the file.
  void read_merges() {
    made_.merges = keys_.texts("tokenizer.ggml.merges");
    const TokenIds ids(made_.tokens);
    for (const std::string_view merge : made_.merges) {
      const size_t blank = merge.find(' ');
      const bool two = blank != std::string_view::npos && merge.find(' ', blank + 1) == std::string_view::npos;
      if (two && is_token(ids, merge.substr(0, blank)) && is_token(ids, merge.substr(blank + 1)) &&
          is_token(ids, std::string(merge.substr(0, blank)).append(merge.substr(blank + 1))))
        continue;
      keys_.refuse("a merge is not of two tokens that give a third",
                   {"key     tokenizer.ggml.merges", "merge   " + printable(merge)}, kWithout);
    }
  }
  bool is_token(const TokenIds& ids, std::string_view text) const {
    const auto id = ids.find(text);
    return id && kind_of(made_, *id) != kUnused;
  }

  void read_named_tokens() {
    made_.bos = named("bos", made_.add_bos);
    made_.eos = named("eos", made_.add_eos);
    made_.unknown = named("unknown", false);
    made_.padding = named("padding", false);
  }
  int64_t named(const std::string& name, bool needed) const {
    const std::string key = "tokenizer.ggml." + name + "_token_id";
    if (!needed && !keys_.has(key)) return -1;
    const int64_t id = keys_.integer(key, 0, vocab_ - 1);
    if (kind_of(made_, static_cast<size_t>(id)) == kUnused)
      keys_.refuse("a key names a token that is not used", key, "a token of the vocabulary", kWithout);
    return id;
  }

  void read_template() {
    const std::string key = "tokenizer.chat_template";
    const GgufValue* found = file_.find(key);
    if (found == nullptr) return;
    if (found->kind != GgufKind::text || found->bytes.size() > kLongestTemplate || !json_text(found->bytes))
      keys_.refuse("the chat template cannot be used", key,
                   "a text in UTF-8 of at most " + std::to_string(kLongestTemplate) + " bytes", kWithout);
    made_.chat_template = found->bytes;
  }

  const GgufFile& file_;
  GgufKeys keys_;
  int64_t vocab_;
  GgufTokenizer made_;
};

std::string text_of(const GgufTokenizer& tokenizer, int64_t id) {
  return std::string(tokenizer.tokens.at(static_cast<size_t>(id)));
}

Json byte_level(bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json pre_tokenizer(const PreTokenizer& pre) {
  Json steps = Json::array();
  if (pre.single_digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (!pre.pattern.empty())
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pre.pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  steps.push_back(byte_level(pre.pattern.empty()));
  return steps.size() == 1 ? steps.front() : Json{{"type", "Sequence"}, {"pretokenizers", steps}};
}

/// First and last tokens that the file says are added; null if there are none.
Json post_processor(const GgufTokenizer& tokenizer) {
  if (!tokenizer.add_bos && !tokenizer.add_eos) return nullptr;
  Json single = Json::array(), pair = Json::array(), special = Json::object();
  const auto add = [&](bool wanted, int64_t id) {
    if (!wanted) return;
    const std::string text = text_of(tokenizer, id);
    single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
    pair.push_back(single.back());
    special[text] = {{"id", text}, {"ids", {id}}, {"tokens", {text}}};
  };
  const Json first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
             second = {{"Sequence", {{"id", "B"}, {"type_id", 0}}}};
  add(tokenizer.add_bos, tokenizer.bos);
  single.push_back(first);
  pair.push_back(first);
  pair.push_back(second);
  add(tokenizer.add_eos, tokenizer.eos);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special}};
}

/// Collects text and hands it on in stretches.
class Writer {
 public:
  explicit Writer(OutputFile& out) : out_(out) {}
  void add(std::string_view text) {
    text_ += text;
    if (text_.size() < kFlush) return;
    out_.write(text_);
    text_.clear();
  }
  /// An item of a list, after a comma unless it is the first.
  void item(std::string_view text) {
    add(first_ ? "\n" : ",\n");
    add(text);
    first_ = false;
  }
  void begin_list() { first_ = true; }
  void end() { out_.write(text_); }

 private:
  OutputFile& out_;
  std::string text_;
  bool first_ = true;
};

std::string added_token(const GgufTokenizer& tokenizer, size_t id) {
  const bool special = kind_of(tokenizer, id) != kUserDefined;
  const Json token = {{"id", id},
                      {"content", tokenizer.tokens[id]},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", special}};
  return token.dump();
}

std::string member(const char* name, const Json& value) { return ",\n" + Json(name).dump() + ": " + value.dump(); }

}  // namespace

GgufTokenizer tokenizer_of(const GgufFile& file, int64_t vocab, int64_t context) {
  return TokenizerReader(file, vocab, context).read();
}

void write_tokenizer(const GgufTokenizer& tokenizer, OutputFile& out) {
  Writer writer(out);
  writer.add("{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n\"added_tokens\": [");
  for (size_t id = 0; id < tokenizer.tokens.size(); ++id) {
    const int32_t kind = kind_of(tokenizer, id);
    if (kind == kUnknown || kind == kControl || kind == kUserDefined) writer.item(added_token(tokenizer, id));
  }
  writer.add("\n]" + member("normalizer", nullptr) + member("pre_tokenizer", pre_tokenizer(*tokenizer.pre)));
  writer.add(member("post_processor", post_processor(tokenizer)) + member("decoder", byte_level(true)));
  writer.add(
      ",\n\"model\": {\n\"type\": \"BPE\",\n\"dropout\": null,\n\"unk_token\": null,\n\"continuing_subword_prefix\": "
      "null,\n"
      "\"end_of_word_suffix\": null,\n\"fuse_unk\": false,\n\"byte_fallback\": false" +
      member("ignore_merges", tokenizer.pre->ignore_merges) + ",\n\"vocab\": {");
  writer.begin_list();
  for (size_t id = 0; id < tokenizer.tokens.size(); ++id)
    if (kind_of(tokenizer, id) != kUnused) writer.item(Json(tokenizer.tokens[id]).dump() + ": " + std::to_string(id));
  writer.add("\n},\n\"merges\": [");
  writer.begin_list();
  for (const std::string_view merge : tokenizer.merges) writer.item(Json(merge).dump());
  writer.add("\n]\n}\n}\n");
  writer.end();
}

std::string tokenizer_config(const GgufTokenizer& tokenizer) {
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false},
                 {"model_max_length", tokenizer.context}};
  const std::pair<const char*, int64_t> named[] = {{"bos_token", tokenizer.bos},
                                                   {"eos_token", tokenizer.eos},
                                                   {"unk_token", tokenizer.unknown},
                                                   {"pad_token", tokenizer.padding}};
  for (const auto& [key, id] : named)
    if (id >= 0) config[key] = text_of(tokenizer, id);
  if (!tokenizer.chat_template.empty()) config["chat_template"] = tokenizer.chat_template;
  return config.dump(2) + "\n";
}

}  // namespace plumbline
