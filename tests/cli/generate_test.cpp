// SPDX-License-Identifier: Apache-2.0
// `plumbline generate` as a user runs it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace plumbline::test;
using nlohmann::json;

namespace {

const std::string kTrained = PLUMBLINE_SOURCE_DIR "/dumps/models/qwen3-tiny";
const std::string kPrompt = "The licenses for most software";

Said generate(const std::vector<std::string>& more, const std::string& model = kTrained) {
  std::vector<std::string> words = {"generate", model};
  words.insert(words.end(), more.begin(), more.end());
  return call(words);
}

/// By the kernels on the CPU: with the trained model each step takes a fifth of a second.
Said continued(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"--backend", "twin", "--prompt", kPrompt};
  words.insert(words.end(), more.begin(), more.end());
  return generate(words);
}

/// A model that knows three bytes: after the i-th of `known` it says the i-th of `after`. Its layers add nothing, so
/// the last embedding arrives at a head whose row of a byte holds the embedding of the byte that it follows.
TempDirectory write_chain_model(const std::string& known, const std::string& after) {
  TinyModelOptions options;
  options.tied = false;
  options.edit_tensors = [=](std::vector<RawTensor>& tensors) {
    std::string embedding;
    for (RawTensor& tensor : tensors) {
      if (tensor.name == "model.embed_tokens.weight") embedding = tensor.bytes;
      const bool silent = tensor.name.find("o_proj") != std::string::npos ||
                          tensor.name.find("down_proj") != std::string::npos || tensor.name == "lm_head.weight";
      if (silent) std::fill(tensor.bytes.begin(), tensor.bytes.end(), '\0');
      if (tensor.name != "lm_head.weight") continue;
      const size_t row = embedding.size() / static_cast<size_t>(tensor.shape.front());
      for (size_t i = 0; i < known.size(); ++i) {
        const size_t from = static_cast<size_t>(known[i]) * row, to = static_cast<size_t>(after[i]) * row;
        std::copy_n(embedding.begin() + static_cast<std::ptrdiff_t>(from), row,
                    tensor.bytes.begin() + static_cast<std::ptrdiff_t>(to));
      }
    }
  };
  return write_tiny_model(options);
}

}  // namespace

TEST_CASE("a trained model continues a licence; the text stands alone on standard output, --json holds it all") {
  const Said said = continued({"--new", "8"});
  INFO(said.err);
  CHECK(said.status == 0);
  CHECK(said.out == " are des\n");
  CHECK(said.complains("8 tokens after 30"));
  CHECK(said.complains("tokens/s; ended as asked, by --new"));
  CHECK(said.complains("repetition: no cycle at the end"));
  write_file(scratch("prompt.txt"), kPrompt);
  const Said machine = generate({"--backend", "twin", "--prompt-file", scratch("prompt.txt"), "--new", "8", "--json"});
  REQUIRE(machine.status == 0);
  CHECK(machine.err.empty());
  const json report = json::parse(machine.out);
  CHECK(report.at("schema").at("name") == "plumbline-generate");
  CHECK(report.at("continuation") == " are des");
  CHECK(report.at("prompt") == kPrompt);
  CHECK(report.at("sampling").at("greedy") == true);
  CHECK(report.at("ended") == "number of tokens");
  CHECK(report.at("repetition").at("period") == 0);
}

TEST_CASE("ukeukeuke, and one token for ever: said so, and chosen by run too") {
  struct Row {
    std::string after;  ///< what the model says after u, k, e
    std::string text, says;
  };
  const Row rows[] = {
      {"keu", "keukeukeukeu\n",
       "repetition: the last 12 of 12 tokens repeat with period 3: 107 \"k\", 101 \"e\", 117 \"u\"; 6 of 9 4-grams"},
      {"kee", "keeeeeeeeeee\n", "repetition: the last 11 of 12 tokens repeat with period 1: 101 \"e\"; 7 of 9 4-grams"},
      {"uke", "uuuuuuuuuuuu\n", "repetition: one token only, 12 times: 117 \"u\"; 8 of 9 4-grams"}};
  for (const Row& row : rows) {
    const TempDirectory model = write_chain_model("uke", row.after);
    const std::vector<std::string> words = {"--backend", "twin", "--prompt", "u", "--new", "12"};
    const Said said = generate(words, model.path().string());
    INFO(said.out << said.err);
    CHECK(said.out == row.text);
    CHECK(said.complains(row.says));
    std::vector<std::string> as_json = words, run = words;
    as_json.push_back("--json");
    const json report = json::parse(generate(as_json, model.path().string()).out);
    const json& repetition = report.at("repetition");
    CHECK(repetition.at("one_token") == (row.after == "uke"));
    CHECK(repetition.at("cycle").size() == (row.after == "keu" ? 3 : 1));
    run.insert(run.begin(), {"run", model.path().string()});
    run.insert(run.end(), {"--taps", "none", "--json", "--force", "-o", scratch("greedy.h5")});
    CHECK(json::parse(call(run).out).at("continuation_ids") == report.at("continuation_ids"));
  }
}

TEST_CASE("a seed draws the same text again, another seed another one") {
  const auto drawn = [](const std::string& seed) {
    const Said said = generate({"--backend", "twin", "--prompt", "Copyright", "--new", "24", "--temperature", "1.5",
                                "--top-k", "50", "--top-p", "0.95", "--seed", seed, "--json"},
                               model_directory());
    INFO(said.err);
    REQUIRE(said.status == 0);
    const json report = json::parse(said.out);
    CHECK(report.at("sampling").at("sampler") == "sampler/1");
    return report.at("continuation_ids");
  };
  const json first = drawn("1");
  CHECK(first.size() == 24);
  CHECK(drawn("1") == first);
  CHECK(drawn("2") != first);
}

TEST_CASE("temperature near 0, one candidate, or a small share: the greedy text") {
  const auto text = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"--backend", "twin", "--prompt", "Copyright", "--new", "12"});
    return generate(words, model_directory()).out;
  };
  const std::string greedy = text({});
  CHECK(greedy.size() > 12);
  CHECK(text({"--seed", "77", "--temperature", "1e-9"}) == greedy);
  CHECK(text({"--seed", "77", "--temperature", "1", "--top-k", "1"}) == greedy);
  CHECK(text({"--seed", "77", "--temperature", "1", "--top-p", "1e-9"}) == greedy);
}

TEST_CASE("healthy backends make the same choices along a text: 0") {
  const Said said = generate({"--backend", "oracle", "--against", "twin", "--prompt", kPrompt, "--new", "3"});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("the choice is the same at all 32 positions"));
  CHECK(said.says("added      3 tokens, by the reference  \" ar\""));
  CHECK(said.says("the likeliest token is the same at 32 of 32"));
}

TEST_CASE("a faulty candidate chooses otherwise: 1, with the first position, margins and KL") {
  const std::vector<std::string> words = {"--backend", "twin",  "--against", "twin",
                                          "--prompt",  kPrompt, "--fault",   "weight.transposed@layer.0.attn.o_proj"};
  const Said said = generate(words);
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.says("fault      weight.transposed@layer.0.attn.o_proj"));
  CHECK(said.says("the choice differs first at position 0, after 84 \"T\""));
  CHECK(said.says("margin"));
  CHECK(said.says("KL(reference || candidate) over 30 positions"));
  CHECK(said.says("of 30 positions; the reference's margin there is at most"));
  std::vector<std::string> as_json = words;
  as_json.push_back("--json");
  const Said machine = generate(as_json);
  CHECK(machine.status == 1);
  const json report = json::parse(machine.out);
  CHECK(report.at("exit_status") == 1);
  CHECK(report.at("first_difference") == 0);
  CHECK(report.at("positions").size() == 30);
  CHECK(report.at("positions").at(5).at("token") == static_cast<int>(kPrompt[5]));
  CHECK(report.at("positions").at(0).at("kl") > 0.1);
}

TEST_CASE("logits with NaN choose nothing: 2 by itself, 1 in a candidate, with what was sound compared") {
  const std::string fault = "kernel.overflow=1@layer.3.mlp.down_proj";
  const std::vector<std::string> words = {"--backend", "twin", "--prompt", "Copyright", "--fault", fault};
  const Said said = generate(words, model_directory());
  INFO(said.err);
  CHECK(said.status == 2);
  CHECK(said.complains("choose no token number 0"));
  CHECK(said.complains("NaN"));
  CHECK(said.complains("plumbline find"));
  std::vector<std::string> against = words;
  against.insert(against.end(), {"--against", "twin"});
  const Said pair = generate(against, model_directory());
  INFO(pair.out << pair.err);
  CHECK(pair.status == 1);
  CHECK(pair.says("the candidate's logits hold NaN or +Inf at"));
}

TEST_CASE("ids are fed and shown where there is no tokenizer") {
  TinyModelOptions options;
  options.tokenizer = false;
  const TempDirectory bare = write_tiny_model(options);
  write_file(scratch("ids.json"), "[1, 2, 3]");
  const Said said =
      generate({"--backend", "twin", "--tokens", scratch("ids.json"), "--new", "3"}, bare.path().string());
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.out.find_first_not_of("0123456789 \n") == std::string::npos);
  CHECK(std::count(said.out.begin(), said.out.end(), ' ') == 2);
  const Said asked = generate({"--backend", "twin", "--prompt", "a"}, bare.path().string());
  CHECK(asked.status == 2);
  CHECK(asked.complains("--tokens FILE"));
}

TEST_CASE("a chat needs a template: refused where there is none, and by run too") {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"generate", kTrained}, {"run", kTrained, "-o", scratch("chat.h5")}}) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"--backend", "twin", "--prompt", "hi", "--chat"});
    const Said said = call(all);
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.complains("no chat template"));
    CHECK(said.complains("leave --chat out"));
    CHECK(said.out.empty());
  }
}

TEST_CASE("what cannot be used is 2") {
  CHECK(generate({"--backend", "twin", "--prompt", ""}).status == 2);
  CHECK(generate({"--backend", "twin", "--prompt-file", "/nonexistent"}).complains("/nonexistent"));
  CHECK(generate({"--backend", "twin", "--prompt", "a", "--seed", "1"}).status == 2);
  CHECK(
      generate({"--backend", "twin", "--prompt", "a", "--new", "100000"}).complains("more tokens than the model has"));
}
