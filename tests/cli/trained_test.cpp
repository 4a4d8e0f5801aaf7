// SPDX-License-Identifier: Apache-2.0
// The trained models of dumps/models through the real programs: a healthy run continues a licence word by word and is
// at parity with another backend, a broken one says something else and is located.
#include "cli/program.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

constexpr int kNew = 6;

/// What the model's page says, and a fault whose continuation is another within kNew tokens.
struct Trained {
  std::string model, continuation, ops, fault, first;
};

const Trained kTrained[] = {
    {"qwen3-tiny", " to sh", "788 of 788 ops", "weight.transposed@layer.0.attn.o_proj", "layer.0.attn.o_proj"},
    {"llama-tiny", " to sh", "576 of 576 ops", "head.untied", "logits"},
};

#ifdef PLUMBLINE_HAVE_TORCH
const std::string kReference = "torch";
#else
const std::string kReference = "oracle";
#endif

struct Run {
  Said said;
  std::string trace;
};

Run run(const std::string& model, const std::string& backend, const std::string& fault = {}) {
  const std::string trace = scratch(model + backend + (fault.empty() ? ".h5" : "_fault.h5"));
  const std::string prompt = "to take away your freedom";
  std::vector<std::string> arguments{"run",       PLUMBLINE_SOURCE_DIR "/dumps/models/" + model,
                                     "--backend", backend,
                                     "--prompt",  prompt,
                                     "--new",     std::to_string(kNew),
                                     "-o",        trace};
  if (!fault.empty()) arguments.insert(arguments.end(), {"--fault", fault});
  const Said said = call(arguments);
  UNSCOPED_INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  return {said, trace};
}

}  // namespace

TEST_CASE("a trained model continues a licence on every backend and is at parity; a broken one says something else") {
  for (const Trained& trained : kTrained) {
    INFO(trained.model);
    const Run reference = run(trained.model, kReference), candidate = run(trained.model, "twin");
    CHECK(reference.said.says("\"" + trained.continuation + "\""));
    CHECK(candidate.said.says("\"" + trained.continuation + "\""));
    const Said parity = call({"find", reference.trace, candidate.trace});
    INFO(parity.out << parity.err);
    CHECK(parity.status == 0);
    CHECK(parity.says("PARITY"));
    CHECK(parity.says(trained.ops));

    const Run faulty = run(trained.model, "twin", trained.fault);
    CHECK_FALSE(faulty.said.says(trained.continuation));
    const Said located = call({"find", reference.trace, faulty.trace});
    INFO(located.out << located.err);
    CHECK(located.status == 1);
    CHECK(located.says("FIRST DIVERGENCE: " + trained.first + " (origin)"));
  }
}

}  // namespace plumbline::test
