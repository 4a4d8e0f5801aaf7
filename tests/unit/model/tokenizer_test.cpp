// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include <plumbline/error.h>
#include <plumbline/model.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

namespace plumbline {
namespace {

using nlohmann::json;

Tokenizer load(const json& tokenizer) {
  const test::TempDirectory directory;
  test::write_file(directory / "tokenizer.json", tokenizer.dump());
  return Tokenizer::load(directory.path());
}

}  // namespace

TEST_CASE("Every byte has its own id and comes back from it") {
  const Tokenizer tokenizer = load(test::tiny_tokenizer());
  std::string text(256, '\0');
  std::iota(text.begin(), text.end(), '\0');
  const std::vector<int64_t> ids = tokenizer.encode(text);
  for (size_t byte = 0; byte < 256; ++byte) CHECK(ids.at(byte) == static_cast<int64_t>(byte));
  CHECK(tokenizer.decode(ids) == text);
  CHECK(tokenizer.encode("").empty());
}

TEST_CASE("Text is nothing but bytes: the spelling of a special token is not one") {
  const Tokenizer tokenizer = load(test::tiny_tokenizer());
  CHECK(tokenizer.encode("<|endoftext|>").size() == 13);
  CHECK(tokenizer.encode("h\xc3\xa9") == std::vector<int64_t>{0x68, 0xC3, 0xA9});
}

TEST_CASE("Ids without bytes print as names") {
  json spec = test::tiny_tokenizer();
  spec["added_tokens"].push_back({{"id", 257}, {"content", "</s>"}, {"special", true}});
  CHECK(load(spec).decode({'a', 256, 257, 300, -1}) == "a<|endoftext|><|</s>|><|300|><|-1|>");
}

TEST_CASE("A vocabulary may number the bytes as it likes") {
  json spec = test::tiny_tokenizer();
  spec["model"]["vocab"]["A"] = 1000;
  const Tokenizer tokenizer = load(spec);
  CHECK(tokenizer.encode("AB") == std::vector<int64_t>{1000, 66});
  CHECK(tokenizer.decode({1000, 65}) == "A<|65|>");
}

TEST_CASE("A tokenizer of another kind is refused, and the way out is named") {
  struct Row {
    std::string part;
    std::function<void(json&)> edit;
  };
  const std::vector<Row> rows = {{"merges", [](json& t) { t["model"]["merges"].push_back("a b"); }},
                                 {"not BPE", [](json& t) { t["model"]["type"] = "Unigram"; }},
                                 {"not BPE", [](json& t) { t.erase("model"); }},
                                 {"not BPE", [](json& t) { t = json::array(); }},
                                 {"normalises",
                                  [](json& t) {
                                    t["normalizer"] = {{"type", "NFC"}};
                                  }},
                                 {"not ByteLevel",
                                  [](json& t) {
                                    t["pre_tokenizer"] = {{"type", "Whitespace"}};
                                  }},
                                 {"blank", [](json& t) { t["pre_tokenizer"]["add_prefix_space"] = true; }},
                                 {"post_processor",
                                  [](json& t) {
                                    t["post_processor"] = {{"type", "TemplateProcessing"}};
                                  }},
                                 {"no vocab", [](json& t) { t["model"].erase("vocab"); }},
                                 {"byte 65", [](json& t) { t["model"]["vocab"].erase("A"); }},
                                 {"id 66", [](json& t) { t["model"]["vocab"]["A"] = 66; }},
                                 {"no integer", [](json& t) { t["model"]["vocab"]["A"] = -1; }},
                                 {"no integer", [](json& t) { t["model"]["vocab"]["A"] = "65"; }},
                                 {"id of a byte", [](json& t) { t["added_tokens"][0]["id"] = 65; }},
                                 {"no content", [](json& t) { t["added_tokens"][0].erase("content"); }}};
  for (const Row& row : rows) {
    INFO(row.part);
    json spec = test::tiny_tokenizer();
    row.edit(spec);
    test::require_parts(test::error_text<InputError>([&] { load(spec); }),
                        {"tokenizer.json", row.part, "--tokens FILE"});
  }
}

TEST_CASE("An absent or damaged tokenizer.json is refused, and the way out is named") {
  const test::TempDirectory directory;
  const auto refusal = [&] { return test::error_text<InputError>([&] { Tokenizer::load(directory.path()); }); };
  test::require_parts(refusal(), {"tokenizer.json", "no such file", "--tokens FILE"});
  test::write_file(directory / "tokenizer.json", "{");
  test::require_parts(refusal(), {"tokenizer.json", "byte", "--tokens FILE"});
  std::filesystem::remove(directory / "tokenizer.json");
  std::filesystem::create_directory(directory / "tokenizer.json");
  test::require_parts(refusal(), {"tokenizer.json", "--tokens FILE"});
}

}  // namespace plumbline
