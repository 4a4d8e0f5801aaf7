// SPDX-License-Identifier: Apache-2.0
// Tokenizers that are not of bytes: read by Hugging Face's packages where a Python has them, and said so where none
// has.
#include "model/text_codec.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "model/byte_tokenizer.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/tiny_model.h"

#include <plumbline/error.h>

namespace plumbline {
namespace {

using test::require_parts;

/// PLUMBLINE_PYTHON while it lives; afterwards as before.
class Python {
 public:
  explicit Python(const std::string& program) {
    if (const char* before = std::getenv("PLUMBLINE_PYTHON")) before_ = before;
    ::setenv("PLUMBLINE_PYTHON", program.c_str(), 1);
  }
  ~Python() {
    if (before_) ::setenv("PLUMBLINE_PYTHON", before_->c_str(), 1);
    if (!before_) ::unsetenv("PLUMBLINE_PYTHON");
  }
  Python(const Python&) = delete;
  Python& operator=(const Python&) = delete;

 private:
  std::optional<std::string> before_;
};

/// "he" is token 256, "the" 257, the end of a text 258 (the package numbers added tokens after the vocabulary's); every
/// byte is itself.
nlohmann::json merging_tokenizer() {
  nlohmann::json tokenizer = nlohmann::json::parse(byte_tokenizer_json());
  tokenizer["added_tokens"][0]["id"] = 258;
  nlohmann::json& model = tokenizer["model"];
  model["vocab"]["he"] = 256;
  model["vocab"]["the"] = 257;
  model["merges"] = {"h e", "t he"};
  return tokenizer;
}

test::TempDirectory write_tokenizer(const nlohmann::json& tokenizer, const std::string& chat_template = "") {
  test::TempDirectory directory;
  test::write_file(directory / "tokenizer.json", tokenizer.dump());
  nlohmann::json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"eos_token", "<|endoftext|>"}};
  if (!chat_template.empty()) config["chat_template"] = chat_template;
  test::write_file(directory / "tokenizer_config.json", config.dump());
  return directory;
}

/// A program in the place of Python that answers every line with `answer`.
std::string answering(const test::TempDirectory& folder, const std::string& answer) {
  const std::filesystem::path program = folder / "answering";
  test::write_file(program, "#!/bin/sh\nwhile read -r line; do echo '" + answer + "'; done\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  return program.string();
}

bool python_has(const std::string& packages) {
  return std::system(
             (std::string(PLUMBLINE_TOKENIZERS_PYTHON) + " -c 'import " + packages + "' 2>/dev/null").c_str()) == 0;
}

}  // namespace

TEST_CASE("a tokenizer of bytes needs no Python", "[codec]") {
  const Python nobody("/nonexistent/python");
  const test::TempDirectory directory = write_tokenizer(test::tiny_tokenizer());
  const TextCodecPtr codec = load_text_codec(directory.path());
  CHECK(codec->encode("A\xFF") == std::vector<int64_t>{65, 255});
  CHECK(codec->decode({65, 66}) == "AB");
}

TEST_CASE("merges are those of the package, both ways, special tokens spelled out", "[codec]") {
  if (!python_has("tokenizers")) {
    WARN("no Python with the package tokenizers: nothing checked");
    return;
  }
  const Python python(PLUMBLINE_TOKENIZERS_PYTHON);
  const test::TempDirectory directory = write_tokenizer(merging_tokenizer());
  const TextCodecPtr codec = load_text_codec(directory.path());
  CHECK(codec->encode("the hex") == std::vector<int64_t>{257, 32, 256, 120});
  CHECK(codec->decode({257, 32, 256, 120, 258}) == "the hex<|endoftext|>");
  CHECK(codec->encode("<|endoftext|>") == std::vector<int64_t>{258});
  CHECK(codec->encode("").empty());
  CHECK(codec->decode(codec->encode("line\n\"two\" \xC3\xA9 \xE6\x97\xA5")) == "line\n\"two\" \xC3\xA9 \xE6\x97\xA5");
  std::string much;
  for (int i = 0; i < 50'000; ++i) much += "the ";
  CHECK(codec->encode(much).size() == 100'000);  // more than a pipe holds, both ways
  require_parts(test::error_text<InputError>([&] { codec->encode("a\xFF"); }), {"no UTF-8", "--tokens FILE"});
}

TEST_CASE("a chat is the template's, and a directory without one is refused before any Python", "[codec]") {
  {
    const Python nobody("/nonexistent/python");
    const test::TempDirectory plain = write_tokenizer(merging_tokenizer());
    require_parts(test::error_text<InputError>([&] { chat_tokens(plain.path(), "hi", ""); }),
                  {"no chat template", "chat_template.jinja", "leave --chat out"});
  }
  if (!python_has("transformers, jinja2")) {
    WARN("no Python with the package transformers: nothing checked");
    return;
  }
  const Python python(PLUMBLINE_TOKENIZERS_PYTHON);
  const test::TempDirectory directory = write_tokenizer(merging_tokenizer(),
                                                        "{% for m in messages %}{{ m['role'][0] }}:{{ m['content'] "
                                                        "}};{% endfor %}{% if add_generation_prompt %}a:{% endif %}");
  CHECK(chat_tokens(directory.path(), "the", "") == std::vector<int64_t>{'u', ':', 257, ';', 'a', ':'});
  CHECK(chat_tokens(directory.path(), "x", "he") ==
        std::vector<int64_t>{'s', ':', 256, ';', 'u', ':', 'x', ';', 'a', ':'});
}

TEST_CASE("what is missing is named, with the command that installs it and the other way", "[codec]") {
  const test::TempDirectory directory = write_tokenizer(merging_tokenizer(), "{{ x }}"), folder;
  const auto refusal = [&](const std::string& program) {
    const Python python(program);
    CHECK(text_codec_or_none(directory.path()) == nullptr);
    return test::error_text<InputError>([&] { load_text_codec(directory.path()); });
  };
  const std::string lacking = answering(folder, R"({"missing": "tokenizers"})");
  require_parts(refusal(lacking), {"cannot turn text into tokens", "lacks the package tokenizers",
                                   lacking + " -m pip install tokenizers", "PLUMBLINE_PYTHON", "--tokens FILE"});
  {
    const Python python(answering(folder, R"({"missing": "transformers"})"));
    require_parts(test::error_text<InputError>([&] { chat_tokens(directory.path(), "hi", ""); }),
                  {"lacks the package transformers", "pip install transformers"});
  }
  require_parts(refusal("/nonexistent/python"), {"cannot start /nonexistent/python", "pip install tokenizers"});
  require_parts(refusal("/bin/true"), {"has ended", "--tokens FILE"});
  require_parts(refusal(answering(folder, R"({"error": "it is \u001b[31m broken"})")), {"it is \\x1b[31m broken"});
  for (const char* answer : {"[]", "nonsense", "{}", "7", R"({"text": "a"})"})
    require_parts(refusal(answering(folder, answer)), {"no answer that is understood"});
  for (const char* answer : {R"({"ids": "a"})", R"({"ids": [1.5]})", R"({"error": 5})", R"({"missing": []})"})
    require_parts(refusal(answering(folder, answer)), {"no answer that is understood"});
}

TEST_CASE("a directory without a tokenizer is refused before any Python", "[codec]") {
  const Python nobody("/nonexistent/python");
  const test::TempDirectory empty;
  require_parts(test::error_text<InputError>([&] { load_text_codec(empty.path()); }),
                {"no such file", "--tokens FILE"});
}

}  // namespace plumbline
