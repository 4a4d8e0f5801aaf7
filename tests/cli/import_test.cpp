// SPDX-License-Identifier: Apache-2.0
// `plumbline import gguf` as a user calls it, on the trained llama-tiny as llama.cpp's converter would write it: what
// comes back is the model that went in.
#include <plumbline/model.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/raw_gguf.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

const std::string kTrained = PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny";

RawGguf trained_gguf() {
  const nlohmann::json config = nlohmann::json::parse(read_file(kTrained + "/config.json"));
  std::vector<RawTensor> tensors;
  for (const auto& [name, tensor] : load_model(kTrained).parameters)
    tensors.push_back(
        {name, "BF16", tensor.shape(), std::string(reinterpret_cast<const char*>(tensor.data()), tensor.byte_size())});
  return gguf_of_llama(config, tensors);
}

/// The file, written once.
std::string trained_file() {
  static const std::string file = [] {
    write_file(scratch("llama-tiny.gguf"), gguf_bytes(trained_gguf()));
    return scratch("llama-tiny.gguf");
  }();
  return file;
}

Said import(const std::string& file, const std::string& directory, std::vector<std::string> options = {}) {
  std::vector<std::string> words = {"import", "gguf", file, "-o", directory};
  words.insert(words.end(), options.begin(), options.end());
  return call(words);
}

/// The line of `run` that says how the model goes on.
std::string continuation(const std::string& model) {
  const Said said = call({"run", model, "--backend", "twin", "--prompt", "Permission is", "--new", "8", "--taps",
                          "none", "--force", "-o", scratch("said.h5")});
  INFO(said.err);
  REQUIRE(said.status == 0);
  const size_t begin = said.out.find("continuation");
  REQUIRE(begin != std::string::npos);
  return said.out.substr(begin, said.out.find('\n', begin) - begin);
}

}  // namespace

TEST_CASE("a trained Llama comes back bit for bit, runs and says what it said") {
  const std::string directory = scratch("imported");
  const Said said = import(trained_file(), directory, {"--dtype", "bf16"});
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  for (const char* text : {"201 tensors", "in bf16", "GGUF v3", "156 BF16, 45 F32", " 0 of ", "of 44 q and k tensors",
                           "llama3, factor 8.0, original length 512"})
    CHECK(said.says(text));
  const Model before = load_model(kTrained), after = load_model(directory);
  REQUIRE(after.parameters.size() == before.parameters.size());
  for (const auto& [name, tensor] : before.parameters) {
    INFO(name);
    CHECK(digest(after.parameters.at(name).view()) == digest(tensor.view()));
  }
  CHECK(to_json(after.graph) == to_json(before.graph));
  CHECK(continuation(directory) == continuation(kTrained));
}

TEST_CASE("f32 is the default and rounds nothing") {
  const std::string directory = scratch("imported_f32");
  const Said said = import(trained_file(), directory);
  REQUIRE(said.status == 0);
  CHECK(said.says("in f32"));
  CHECK(said.says("rounding  none"));
  const Model before = load_model(kTrained), after = load_model(directory);
  for (const auto& [name, tensor] : before.parameters) {
    INFO(name);
    CHECK(to_values(after.parameters.at(name).view()) == to_values(tensor.view()));
  }
}

TEST_CASE("what cannot be imported is 2, says why, and leaves nothing") {
  RawGguf other = trained_gguf();
  other.set("general.architecture", gguf_text("gemma2"));
  write_file(scratch("other.gguf"), gguf_bytes(other));
  RawGguf words = trained_gguf();
  words.set("tokenizer.ggml.model", gguf_text("llama"));
  write_file(scratch("words.gguf"), gguf_bytes(words));
  write_file(scratch("cut.gguf"), read_file(trained_file()).substr(0, 4000000));
  std::filesystem::create_directory(scratch("taken"));
  write_file(scratch("taken") + "/file", "mine");
  struct Row {
    std::vector<std::string> words;
    std::string reason;
  };
  const std::string out = scratch("not_there");
  const Row rows[] = {
      {{"import", "gguf", scratch("other.gguf"), "-o", out}, "\"gemma2\""},
      {{"import", "gguf", scratch("words.gguf"), "-o", out}, "--no-tokenizer"},
      {{"import", "gguf", scratch("cut.gguf"), "-o", out}, "lies outside the file"},
      {{"import", "gguf", kTrained + "/config.json", "-o", out}, "it is none"},
      {{"import", "gguf", kTrained, "-o", out}, "not a regular file"},
      {{"import", "gguf", scratch("absent.gguf"), "-o", out}, "No such file"},
      {{"import", "gguf", trained_file(), "-o", scratch("taken")}, "no empty directory"},
      {{"import", "gguf", trained_file(), "-o", scratch("absent/x")}, "No such file or directory"},
      {{"import", "gguf", trained_file(), "-o", ""}, "-o is empty"},
      {{"import", "gguf", trained_file(), "-o", out, "--dtype", "f16"}, "--dtype"},
      {{"import", "gguf", trained_file()}, "--output"},
      {{"import"}, "subcommand"},
  };
  for (const Row& row : rows) {
    const Said said = call(row.words);
    INFO(row.reason << "\n" << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(row.reason));
    CHECK(said.out.empty());
    CHECK_FALSE(std::filesystem::exists(out));
    CHECK_FALSE(std::filesystem::exists(out + ".part"));
  }
  CHECK(read_file(scratch("taken") + "/file") == "mine");
  const Said without = import(scratch("words.gguf"), scratch("wordless"), {"--no-tokenizer"});
  CHECK(without.status == 0);
  CHECK(without.says("takes --tokens"));
}

}  // namespace plumbline::test
