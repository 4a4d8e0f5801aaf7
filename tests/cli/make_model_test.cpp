// SPDX-License-Identifier: Apache-2.0
// `plumbline make-model` as a user calls it: what it writes runs, and what it cannot do it refuses.
#include <filesystem>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

namespace plumbline::test {
namespace {

std::string made(const std::string& shape, const std::string& name, std::vector<std::string> options = {}) {
  std::vector<std::string> arguments{"make-model", shape, "-o", scratch(name)};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const Said said = call(arguments);
  INFO(said.out << said.err);
  REQUIRE(said.status == 0);
  REQUIRE(said.says("seed"));
  return scratch(name);
}

}  // namespace

TEST_CASE("made models of both families run, the kernels at parity with the oracle") {
  for (const std::string shape : {"qwen3-tiny", "llama-tiny"}) {
    INFO(shape);
    const std::string model = made(shape, "made_" + shape, {"--layers", "2"});
    const std::string reference = record(shape + "_oracle.h5", {"oracle", {}, model, 12});
    const Said said = call({"find", reference, record(shape + "_twin.h5", {"twin", {}, model, 12})});
    INFO(said.out << said.err);
    CHECK(said.status == 0);
    CHECK(said.says("PARITY"));
    CHECK(said.says("(100.0%)"));
  }
}

TEST_CASE("the same command gives the same bytes, another seed others") {
  const std::string first = made("llama-tiny", "seed_a", {"--layers", "1"});
  const std::string again = made("llama-tiny", "seed_b", {"--layers", "1"});
  const std::string other = made("llama-tiny", "seed_c", {"--layers", "1", "--seed", "2"});
  const std::string bytes = read_file(first + "/model.safetensors");
  CHECK(bytes == read_file(again + "/model.safetensors"));
  CHECK(bytes != read_file(other + "/model.safetensors"));
}

TEST_CASE("an ERNIE is written in its own layout, and runs") {
  const std::string config = scratch("ernie.json");
  write_file(config, R"({"architectures": ["Ernie4_5ForCausalLM"], "model_type": "ernie4_5", "hidden_size": 64,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32, "intermediate_size": 96,
    "vocab_size": 320, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "use_bias": false, "torch_dtype": "bfloat16"})");
  const std::string model = made(config, "ernie");
  CHECK(read_file(model + "/config.json").find("Ernie4_5ForCausalLM") != std::string::npos);
  // Tied by the family's default: no head of its own.
  CHECK(read_file(model + "/model.safetensors").find("lm_head") == std::string::npos);
  const Said said = call({"run", model, "--backend", "oracle", "--prompt", "A", "-o", scratch("ernie.h5")});
  INFO(said.err);
  CHECK(said.status == 0);
}

TEST_CASE("runs of a family without an op graph are pointed to the comparison of values") {
  const std::string model = scratch("other_family");
  std::filesystem::create_directory(model);
  write_file(model + "/config.json", R"({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"})");
  const std::string one = record("values_a.h5"), two = record("values_b.h5", {"oracle", {}, "", 16});
  const Said said = call({"find", one, two, "--model", model});
  CHECK(said.status == 2);
  for (const char* text : {"GPT2LMHeadModel", "supported: one of", "plumbline diff REF CAND --values-only"})
    CHECK(said.complains(text));
  CHECK(call({"diff", one, two, "--values-only"}).status == 1);  // two backends: not bit for bit
}

TEST_CASE("an interrupted make-model leaves nothing, a killed one is found by the next") {
  const std::string model = scratch("cut_short"), part = model + ".part";
  const auto interrupted = [&](const std::string& signal) {
    // Far more weights than there is time for; the signal comes when 8 MiB of them are written.
    const std::string start = PLUMBLINE_BINARY_DIR "/bin/plumbline make-model qwen3-0.6b -o " + model;
    return run_program("/bin/bash", {"-c", "set -m; " + start + " & made=$!; until [ \"$(stat -c %s " + part +
                                               "/model.safetensors 2>/dev/null || echo 0)\" -gt 8388608 ]; do sleep "
                                               "0.02; done; kill -" +
                                               signal + " $made; wait $made"});
  };
  for (const auto& [signal, number] : {std::pair("TERM", 15), std::pair("INT", 2), std::pair("HUP", 1)}) {
    INFO(signal);
    const Said said = interrupted(signal);
    CHECK(said.status == 128 + number);
    CHECK(said.complains("nothing is left behind"));
    CHECK_FALSE(std::filesystem::exists(part));
    CHECK_FALSE(std::filesystem::exists(model));
  }
  CHECK(interrupted("KILL").status == 128 + 9);
  CHECK(std::filesystem::exists(part));
  const std::vector<std::string> small = {"make-model", "llama-tiny", "--layers", "1", "-o", model};
  const Said next = call(small);
  CHECK(next.status == 2);
  for (const char* text : {"cut_short.part exists", "was interrupted", "--force drops it"}) CHECK(next.complains(text));
  std::filesystem::remove(part + "/config.json");  // killed even earlier
  std::vector<std::string> forced = small;
  forced.push_back("--force");
  CHECK(call(forced).status == 0);
  CHECK_FALSE(std::filesystem::exists(part));
  write_file(model + ".old", "not ours\n");
  const Said stopped = call(forced);
  CHECK(stopped.status == 2);
  CHECK(stopped.complains("cut_short.old exists"));
  CHECK(read_file(model + ".old") == "not ours\n");
}

TEST_CASE("what make-model cannot do it refuses with status 2") {
  const std::string taken = made("llama-tiny", "taken", {"--layers", "1"});
  struct Row {
    std::vector<std::string> arguments;
    std::string reason;
  };
  const Row rows[] = {
      {{"make-model", "llama-tiny", "--layers", "1", "-o", taken}, "--force replaces it"},
      {{"make-model", "llama-tin", "-o", scratch("x")}, "llama-tiny"},
      {{"make-model", "llama-tiny", "--k-norm-max", "notes", "-o", scratch("x")}, "no K norm"},
      {{"make-model", "llama-tiny", "-o", scratch("absent/x")}, "No such file or directory"},
      {{"make-model", "llama-tiny", "--dtype", "f64", "-o", scratch("x")}, "--dtype"},
      {{"make-model", "llama-tiny", "--layers", "0", "-o", scratch("x")}, "--layers"},
  };
  for (const Row& row : rows) {
    INFO(row.reason);
    const Said said = call(row.arguments);
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(row.reason));
    CHECK_FALSE(std::filesystem::exists(scratch("x")));
  }
}

}  // namespace plumbline::test
