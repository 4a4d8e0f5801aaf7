// SPDX-License-Identifier: Apache-2.0
// Two kinds of tokenizer behind one face; the second is a conversation with codec.py.
#include "model/text_codec.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/printable.h"
#include "model/codec_script.h"
#include "model/line_process.h"

#include <plumbline/error.h>
#include <plumbline/model.h>

namespace plumbline {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Ids = std::vector<int64_t>;

constexpr const char* kSummary = "cannot turn text into tokens";
constexpr const char* kTokens = "give the token ids in a file: --tokens FILE";

/// A tree that scripts/setup.sh has prepared holds build/bin/PROGRAM and .venv.
std::string python() {
  if (const char* named = std::getenv("PLUMBLINE_PYTHON"); named != nullptr && *named != '\0') return named;
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed);
  const fs::path own = self.parent_path().parent_path().parent_path() / ".venv/bin/python";
  return !failed && fs::exists(own, failed) ? own.string() : "python3";
}

/// A member that is a text; "" for anything else.
std::string said(const json& answer, const char* key) {
  if (!answer.is_object() || !answer.contains(key) || !answer[key].is_string()) return "";
  return answer[key].get<std::string>();
}

class Conversation {
 public:
  explicit Conversation(const fs::path& directory) : directory_(directory), python_(python()) {
    try {
      process_ =
          std::make_unique<LineProcess>(std::vector<std::string>{python_, "-c", codec_script(), directory.string()});
    } catch (const InputError& problem) {
      refuse(problem.what(), install("tokenizers"));
    }
  }

  /// The answer's member `key`. Throws InputError in words for the one who asked plumbline.
  template <class Answer>
  Answer ask(const json& request, const char* key) {
    std::string line;
    try {
      line = request.dump();
    } catch (const json::exception&) {
      refuse("the text is no UTF-8", kTokens);
    }
    json answer;
    try {
      answer = json::parse(process_->ask(line), nullptr, /*allow_exceptions=*/false);
    } catch (const InputError& problem) {
      refuse(python_ + ": " + problem.what(), install("tokenizers"));
    }
    if (const std::string package = said(answer, "missing"); !package.empty())
      refuse(python_ + " lacks the package " + printable_text(package), install(package));
    if (const std::string problem = said(answer, "error"); !problem.empty()) refuse(printable_text(problem), kTokens);
    try {
      const Answer value = answer.at(key).get<Answer>();
      if (json(value) == answer[key]) return value;  // 1.5 would become 1
    } catch (const json::exception&) {               // of another type, or not there: as below
    }
    refuse(python_ + " gives no answer that is understood", kTokens);
  }

 private:
  /// The package itself, or one that it needs.
  std::string install(const std::string& package) const {
    return printable_text(python_ + " -m pip install " + package) +
           " (or PLUMBLINE_PYTHON names a Python that has it); or " + kTokens;
  }

  [[noreturn]] void refuse(const std::string& reason, const std::string& way_out) const {
    throw InputError(kSummary, {"model   " + printable_text(directory_.string()), "reason  " + reason}, way_out);
  }

  fs::path directory_;
  std::string python_;
  std::unique_ptr<LineProcess> process_;
};

class Bytes final : public TextCodec {
 public:
  explicit Bytes(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}
  std::vector<int64_t> encode(const std::string& text) const override { return tokenizer_.encode(text); }
  std::string decode(const std::vector<int64_t>& ids) const override { return tokenizer_.decode(ids); }

 private:
  Tokenizer tokenizer_;
};

class HuggingFace final : public TextCodec {
 public:
  explicit HuggingFace(const fs::path& directory) : conversation_(std::make_unique<Conversation>(directory)) {
    encode("");  // what is missing shows now, not in the middle of a report
  }
  std::vector<int64_t> encode(const std::string& text) const override {
    return conversation_->ask<Ids>({{"encode", text}}, "ids");
  }
  std::string decode(const std::vector<int64_t>& ids) const override {
    return conversation_->ask<std::string>({{"decode", ids}}, "text");
  }

 private:
  std::unique_ptr<Conversation> conversation_;
};

/// Where transformers keeps it: a file of its own, or a key of tokenizer_config.json.
bool has_chat_template(const fs::path& directory) {
  std::error_code failed;
  if (fs::exists(directory / "chat_template.jinja", failed)) return true;
  std::ifstream stream(directory / "tokenizer_config.json", std::ios::binary);
  const json config = json::parse(stream, nullptr, /*allow_exceptions=*/false);
  return config.is_object() && config.contains("chat_template") && !config["chat_template"].is_null();
}

}  // namespace

TextCodecPtr load_text_codec(const fs::path& directory) {
  std::error_code failed;
  try {
    return std::make_shared<Bytes>(Tokenizer::load(directory));
  } catch (const InputError&) {
    if (!fs::exists(directory / "tokenizer.json", failed)) throw;
  }
  return std::make_shared<HuggingFace>(directory);
}

TextCodecPtr text_codec_or_none(const fs::path& directory) {
  try {
    return load_text_codec(directory);
  } catch (const InputError&) {
    return nullptr;
  }
}

std::vector<int64_t> chat_tokens(const fs::path& directory, const std::string& user, const std::string& system) {
  if (!has_chat_template(directory))
    throw InputError("the model has no chat template",
                     {"model  " + printable_text(directory.string()),
                      "looked for chat_template.jinja, and chat_template in tokenizer_config.json"},
                     "leave --chat out: the prompt is continued as it stands");
  json messages = json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  messages.push_back({{"role", "user"}, {"content", user}});
  return Conversation(directory).ask<Ids>({{"chat", messages}}, "ids");
}

}  // namespace plumbline
