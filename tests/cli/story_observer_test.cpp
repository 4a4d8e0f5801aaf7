// SPDX-License-Identifier: Apache-2.0
// A result that is wrong only while nobody looks, as the user of an engine with a new compiler meets it: the dump with
// every tap is sound, the one with caches and logits alone is not. And a dump whose layers all came out of one buffer.
// The engine is our kernels: what is unobserved is a run with a defect in one projection.
#include "cli/foreign_copy.h"
#include "cli/program.h"
#include "support/catch.h"

using namespace plumbline::test;

namespace {

constexpr const char* kDecides = "layer.2.attn.q_proj";

/// What the engine writes when asked for these taps: right only if the projection is among them.
std::string dump(const std::string& name, const std::vector<std::string>& globs, bool observed) {
  Recording recording{"twin", {}, "", 12};
  for (const std::string& glob : globs) recording.options.insert(recording.options.end(), {"--taps", glob});
  if (!observed)
    recording.options.insert(recording.options.end(), {"--fault", std::string("kernel.scaled@") + kDecides});
  return foreign_copy(record("run_" + name, recording), name, {});
}

const std::vector<std::string> kLeast = {"tokens", "layer.*_cache", "logits"};

std::string all_taps() { return dump("all.h5", {"*"}, true); }
std::string least() { return dump("least.h5", kLeast, false); }

std::string with(const std::string& name, const std::vector<std::string>& globs, bool observed) {
  std::vector<std::string> all = kLeast;
  all.insert(all.end(), globs.begin(), globs.end());
  return dump(name, all, observed);
}

}  // namespace

TEST_CASE("runs that differ by what they record name the tap that decides, and the run to believe") {
  const std::string full = all_taps(), bare = least();
  const Said said = call({"observer", full, bare});
  INFO(said.out << said.err);
  CHECK(said.status == 1);
  CHECK(said.tells("OBSERVER EFFECT what is recorded changes what is computed: 2 different results"));
  CHECK(said.tells("first tap that differs: layer.3.attn.k_cache (step 0)"));
  CHECK(said.tells("to narrow it down, record once more without half of them"));
  CHECK(said.tells("taps, "));
  CHECK(said.tells("MiB"));
  CHECK(said.tells("at best caches and logits alone: `plumbline find REF " + bare + "`"));

  const std::string queries = with("queries.h5", {"layer.*.attn.q_proj"}, true);
  const std::string other = with("other.h5", {"layer.0.*", "layer.1.*", "layer.3.*", "layer.2.mlp.*"}, false);
  const Said narrowed = call({"observer", full, bare, queries, other});
  INFO(narrowed.out << narrowed.err);
  CHECK(narrowed.status == 1);
  CHECK(narrowed.tells(std::string("recorded by every run with result 1 and by no other: ") + kDecides + " "));
}

TEST_CASE("runs that agree, vary by themselves, or cannot be compared are told apart") {
  const std::string full = all_taps(), bare = least();
  const Said sound = call({"observer", full, with("sound.h5", {}, true)});
  INFO(sound.out << sound.err);
  CHECK(sound.status == 0);
  CHECK(sound.tells("NO OBSERVER EFFECT all 9 taps that every run recorded hold the same bits"));
  const Said varies = call({"observer", bare, dump("again.h5", kLeast, true)});
  CHECK(varies.status == 3);
  CHECK(varies.tells("the engine varies from run to run"));
  const Said tokens = call({"observer", full, record("nine.h5", {"twin", {}, "", 9})});
  CHECK(tokens.status == 3);
  CHECK(tokens.tells("were fed different tokens"));
  CHECK(call({"observer", full, dump("embed.h5", {"embed"}, true), bare}).status == 3);
  CHECK(call({"observer", full}).status == 2);
  CHECK(call({"observer", full, scratch("absent.h5")}).status == 2);
}

TEST_CASE("a dump whose layers all came out of one buffer is refused with the reason") {
  const std::string reference = record("decode_ref.h5", {"oracle", {"--prefill", "10"}, "", 12});
  const std::string run = record("decode.h5", {"twin", {"--prefill", "10"}, "", 12});
  const std::string shared = foreign_copy(run, "shared.h5", {.one_buffer = true});
  for (const char* verb : {"find", "diff", "gate", "doctor"}) {
    const Said said = call({verb, reference, shared, "--model", model_directory()});
    INFO(verb << said.out << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains("shared.h5: its layers were dumped from one buffer"));
    CHECK(said.complains("step 1: "));
    CHECK(said.complains("hold the same bytes in all 4 layers"));
    CHECK(said.complains("CUDA graph"));
  }
}
