// SPDX-License-Identifier: Apache-2.0
// How many sequences an engine computes at once is legal: the reference's run of one and of several are at parity,
// whatever kernels LibTorch picks for that many rows (in f32 others for one row than for several).
#include "cli/program.h"
#include "support/catch.h"

#include <plumbline/trace.h>

using namespace plumbline::test;

TEST_CASE("other backends compute one sequence and refuse a batch") {
  for (const char* backend : {"twin", "oracle"}) {
    const Said said = call(
        {"run", model_directory(), "--backend", backend, "--prompt", "a", "--batch", "4", "-o", scratch("refused.h5")});
    CHECK(said.status == 2);
    CHECK(said.complains("--batch belongs to the backend torch"));
  }
}

#ifdef PLUMBLINE_HAVE_TORCH
namespace {

std::string run(const std::string& batch, const std::vector<std::string>& more) {
  std::vector<std::string> options = {"--batch", batch, "--prefill", "6"};
  options.insert(options.end(), more.begin(), more.end());
  std::string name = batch;
  for (const std::string& word : more) name += word;
  return record(name + ".h5", {"torch", options, PLUMBLINE_SOURCE_DIR "/dumps/models/qwen3-tiny", 8});
}

}  // namespace

TEST_CASE("a batch is at parity with a single sequence in prefill and decode, in two formats, by either attention") {
  using Words = std::vector<std::string>;
  for (const Words& more : {Words{}, Words{"--dtype", "f32"}, Words{"--attention", "sdpa"}}) {
    const Said said = call({"find", run("1", more), run("4", more)});
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("PARITY"));
    CHECK(said.says("(100.0%)"));
  }
}

TEST_CASE("the trace holds the first sequence and says how many there were") {
  const plumbline::Trace trace = plumbline::Trace::open(run("4", {}));
  CHECK(trace.header().environment.at("batch") == "4");
  CHECK(trace.find("logits", 0)->shape == plumbline::Shape{1, 6, 320});
  CHECK(trace.find("layer.0.attn.k_cache", 2)->shape.front() == 1);
  CHECK(trace.find("tokens", 1)->shape == plumbline::Shape{1});
}
#endif
