// SPDX-License-Identifier: Apache-2.0
// What the command line of `plumbline generate` means, and what it must not say.
#include "run/generate_options.h"

#include "support/catch.h"
#include "support/error_text.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

GenerateOptions parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "plumbline generate");
  return parse_generate_options(static_cast<int>(words.size()), words.data()).options;
}

std::string refusal(const std::vector<const char*>& words) {
  return test::error_text<UsageError>([&] { parsed(words); });
}

}  // namespace

TEST_CASE("a text is continued greedily by 64 tokens, a comparison adds none", "[run]") {
  const GenerateOptions plain = parsed({"m", "--backend", "twin", "--prompt", "a"});
  CHECK(plain.run.new_tokens == 64);
  CHECK(plain.sampling.temperature == 0.0);
  CHECK(parsed({"m", "--backend", "twin", "--against", "torch", "--prompt", "a"}).run.new_tokens == 0);
  const GenerateOptions drawn = parsed({"m", "--backend", "twin", "--prompt", "a", "--temperature", "0.5", "--top-k",
                                        "9", "--top-p", "0.9", "--seed", "18"});
  CHECK(drawn.sampling.temperature == 0.5);
  CHECK(drawn.sampling.top_k == 9);
  CHECK(drawn.sampling.top_p == 0.9);
  CHECK(drawn.sampling.seed == 18);
}

TEST_CASE("what makes no sense is refused", "[run]") {
  struct Row {
    std::vector<const char*> words;
    const char* says;
  };
  const Row rows[] = {
      {{"--backend", "twin"}, "one of --prompt"},
      {{"--backend", "twin", "--prompt", "a", "--tokens", "f"}, "one of --prompt"},
      {{"--backend", "twin", "--prompt", "a", "--prompt-file", "f"}, "one of --prompt"},
      {{"--backend", "twin", "--prompt", "a", "--seed", "4"}, "takes --temperature"},
      {{"--backend", "twin", "--prompt", "a", "--top-k", "4"}, "takes --temperature"},
      {{"--backend", "twin", "--prompt", "a", "--top-p", "0.4", "--temperature", "0"}, "takes --temperature"},
      {{"--backend", "twin", "--prompt", "a", "--temperature", "nan"}, "no number"},
      {{"--backend", "twin", "--prompt", "a", "--temperature", "-1"}, "no number"},
      {{"--backend", "twin", "--prompt", "a", "--temperature", "0x1"}, "no number"},
      {{"--backend", "twin", "--prompt", "a", "--temperature", "1", "--top-p", "0"}, "no number"},
      {{"--backend", "twin", "--prompt", "a", "--temperature", "1", "--top-p", "1.1"}, "no number"},
      {{"--backend", "twin", "--prompt", "a", "--temperature", "1", "--top-k", "0"}, "no whole number"},
      {{"--backend", "twin", "--prompt", "a", "--new", "0"}, "adds nothing"},
      {{"--backend", "twin", "--prompt", "a", "--device", "cuda"}, "belong to the backend torch"},
      {{"--backend", "oracle", "--prompt", "a", "--numerics", "torch/sm90"}, "belongs to the backends twin and cuda"},
      {{"--backend", "torch", "--against", "twin", "--prompt", "a", "--dtype", "f32"}, "bf16 only"},
      {{"--backend", "twin", "--tokens", "f", "--chat"}, "--chat says what"},
      {{"--backend", "twin", "--prompt", "a", "--system", "b"}, "before that of --chat"},
      {{"--backend", "gpu", "--prompt", "a"}, "gpu"},
      {{"--prompt", "a"}, "--backend"},
      {{"--prompt", "--backend", "twin"}, "has no value"},
  };
  for (Row row : rows) {
    row.words.insert(row.words.begin(), "m");
    const std::string text = refusal(row.words);
    INFO(text);
    CHECK(text.find(row.says) != std::string::npos);
    CHECK(text.find("plumbline generate") != std::string::npos);
  }
}

TEST_CASE("each side of a comparison has what belongs to it, and the candidate alone the faults", "[run]") {
  const GenerateOptions options = parsed({"m", "--backend", "torch", "--against", "twin", "--prompt", "a",
                                          "--attention", "sdpa", "--numerics", "torch/sm90", "--fault", "embed.scale"});
  const RunOptions left = side_options(options, "torch", false), right = side_options(options, "twin", true);
  CHECK(left.attention == "sdpa");
  CHECK(left.numerics == "portable");
  CHECK(left.faults.empty());
  CHECK(right.attention.empty());
  CHECK(right.numerics == "torch/sm90");
  CHECK(right.faults.size() == 1);
  const GenerateOptions alone = parsed({"m", "--backend", "twin", "--prompt", "a", "--fault", "embed.scale"});
  CHECK(side_options(alone, "twin", false).faults.size() == 1);
}

}  // namespace plumbline::run
