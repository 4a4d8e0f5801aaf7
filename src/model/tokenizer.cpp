// SPDX-License-Identifier: Apache-2.0
// Byte-level vocabularies without merges: one id per byte, so that encoding needs no rule but a table. The vocabulary
// spells a byte as GPT-2's printable alphabet does: printable Latin-1 stands for itself, other bytes for U+0100
// upwards.
#include <array>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "model/mapped_file.h"
#include "model/strict_json.h"

namespace plumbline {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& reason) {
  throw InputError("cannot turn text into tokens", {"file    " + file.string(), "reason  " + reason},
                   "give the token ids in a file: --tokens FILE");
}

std::array<std::string, 256> byte_alphabet() {
  std::array<std::string, 256> alphabet;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable_byte = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const unsigned code = printable_byte ? byte : next++;
    if (code < 0x80) {
      alphabet[byte] = {static_cast<char>(code)};
    } else {  // two bytes of UTF-8 reach U+07FF
      alphabet[byte] = {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
    }
  }
  return alphabet;
}

json read_json(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) refuse(file, "no such file");
  try {
    return parse_strict_json(MappedFile::open(file)->text());
  } catch (const JsonProblem& problem) {
    refuse(file, problem.what());
  } catch (const CheckpointError& problem) {
    refuse(file, problem.what());
  }
}

/// The member, or null if `value` is no object or lacks it.
const json& member(const json& value, const char* key) {
  static const json kNull;
  if (!value.is_object()) return kNull;
  const auto found = value.find(key);
  return found == value.end() ? kNull : *found;
}

int64_t read_id(const std::filesystem::path& file, const json& value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT32_MAX}) {
    refuse(file, "an id is no integer from 0 to 2147483647");
  }
  return value.get<int64_t>();
}

/// Whatever would make the ids of a text differ from the ids of its bytes.
void require_plain_bytes(const std::filesystem::path& file, const json& top) {
  const json& model = member(top, "model");
  if (member(model, "type") != "BPE") refuse(file, "its model is not BPE");
  const json& merges = member(model, "merges");
  if (!merges.is_array() || !merges.empty()) refuse(file, "its vocabulary has merges: it is not one id per byte");
  if (!member(top, "normalizer").is_null()) refuse(file, "it normalises the text");
  const json& level = member(top, "pre_tokenizer");
  if (member(level, "type") != "ByteLevel") refuse(file, "its pre_tokenizer is not ByteLevel");
  if (member(level, "add_prefix_space") != false) refuse(file, "it puts a blank before the text");
  if (!member(top, "post_processor").is_null() && member(member(top, "post_processor"), "type") != "ByteLevel") {
    refuse(file, "its post_processor may add tokens");
  }
}

}  // namespace

Tokenizer Tokenizer::load(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "tokenizer.json";
  const json top = read_json(file);
  require_plain_bytes(file, top);
  const json& vocab = member(member(top, "model"), "vocab");
  if (!vocab.is_object()) refuse(file, "its model has no vocab");
  Tokenizer tokenizer;
  const std::array<std::string, 256> alphabet = byte_alphabet();
  for (size_t byte = 0; byte < alphabet.size(); ++byte) {
    const auto found = vocab.find(alphabet[byte]);
    if (found == vocab.end()) refuse(file, "its vocab has no id for byte " + std::to_string(byte));
    const int64_t id = read_id(file, *found);
    const std::string text(1, static_cast<char>(byte));
    if (!tokenizer.text_of_id_.emplace(id, text).second) refuse(file, "two bytes have the id " + std::to_string(id));
    tokenizer.id_of_byte_.push_back(id);
  }
  for (const json& added : member(top, "added_tokens")) {
    const int64_t id = read_id(file, member(added, "id"));
    if (!member(added, "content").is_string()) refuse(file, "an added token has no content");
    const std::string content = member(added, "content").get<std::string>();
    const bool framed = content.starts_with("<|") && content.ends_with("|>");
    if (!tokenizer.text_of_id_.emplace(id, framed ? content : "<|" + content + "|>").second) {
      refuse(file, "an added token has the id of a byte: " + std::to_string(id));
    }
  }
  return tokenizer;
}

std::vector<int64_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int64_t> ids;
  ids.reserve(text.size());
  for (const char c : text) ids.push_back(id_of_byte_.at(static_cast<unsigned char>(c)));
  return ids;
}

std::string Tokenizer::decode(const std::vector<int64_t>& ids) const {
  std::string text;
  for (const int64_t id : ids) {
    const auto found = text_of_id_.find(id);
    text += found != text_of_id_.end() ? found->second : "<|" + std::to_string(id) + "|>";
  }
  return text;
}

}  // namespace plumbline
