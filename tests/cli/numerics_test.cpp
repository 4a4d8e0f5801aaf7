// SPDX-License-Identifier: Apache-2.0
// `plumbline run --numerics torch/sm90` as a user meets it: what it gives, and what it refuses and how.
#include <filesystem>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline::test;

namespace {

const std::string kModel = PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny";

Said run(const std::string& output, std::vector<std::string> more) {
  std::vector<std::string> words = {"run", kModel, "--backend", "twin", "-o", output, "--no-progress"};
  words.insert(words.end(), more.begin(), more.end());
  return call(words);
}

}  // namespace

TEST_CASE("torch/sm90 moves bits and nothing else; prompts of 8 tokens and single ones are known") {
  const TempDirectory work;
  const std::string ours = (work.path() / "ours.h5").string(), torch = (work.path() / "torch.h5").string();
  REQUIRE(run(ours, {"--prompt", "the GNU ", "--new", "2"}).status == 0);
  const Said said = run(torch, {"--prompt", "the GNU ", "--new", "2", "--numerics", "torch/sm90"});
  CAPTURE(said.err);
  REQUIRE(said.status == 0);
  const Said found = call({"find", ours, torch});
  CHECK(found.status == 0);
  CHECK(found.says("PARITY"));
  CHECK_FALSE(found.says("bit-identical"));
  CHECK_FALSE(found.says("not shown for"));
  CHECK(found.tells("bits part first at `rope."));
  CHECK(found.tells(
      "order in which `layer.0.in_norm` adds its squares up: 32 lanes of 4 columns, then halving on both sides"));
  const Said same = call({"find", torch, torch});
  CHECK(same.says("bit-identical, "));
  CHECK_FALSE(same.says("bits part"));
  CHECK(same.tells("of 2 steps of 8, 1 tokens"));
  CHECK(same.says("torch/sm90 on both sides"));
  CHECK(same.tells("not shown for: another model, other tokens, or steps of other lengths"));
}

TEST_CASE("torch/sm90 refuses what nobody has asked a GPU about, names the shape, and leaves nothing") {
  const TempDirectory work;
  const std::string file = (work.path() / "a.h5").string();
  const Said shape = run(file, {"--prompt", std::string(33, 'a'), "--numerics", "torch/sm90"});
  CHECK(shape.status == 2);
  CHECK(shape.complains("4 heads of 64, 33 queries, 33 keys"));
  CHECK(shape.complains("--numerics portable"));
  const Said fault = run(file, {"--prompt", "a", "--numerics", "torch/sm90", "--fault", "kernel.relu@layer.3.mlp.act"});
  CHECK(fault.status == 2);
  CHECK(fault.complains("portable numerics only"));
  const Said other =
      call({"run", kModel, "--backend", "oracle", "-o", file, "--prompt", "a", "--numerics", "torch/sm90"});
  CHECK(other.status == 2);
  CHECK(other.complains("--numerics belongs to the backends twin and cuda"));
  CHECK_FALSE(std::filesystem::exists(file));
}
