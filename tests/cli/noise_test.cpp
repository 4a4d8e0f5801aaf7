// SPDX-License-Identifier: Apache-2.0
// `plumbline noise`: trained models are quiet and say the same token, a model with huge norm weights is chaotic and
// holds no token against anybody; a healthy candidate lies within the noise, a defect beyond it.
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace plumbline::test;
using nlohmann::json;

namespace {

Said noise(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "noise");
  return call(arguments);
}

std::string trained(const std::string& model) { return PLUMBLINE_SOURCE_DIR "/dumps/models/" + model; }

std::string recorded(const std::string& model, const std::string& backend, std::vector<std::string> options = {}) {
  std::string name = model.substr(model.rfind('/') + 1) + "_" + backend;
  for (const std::string& option : options) name += option;
  return record("noise_" + name + ".h5", {backend, std::move(options), model, 8});
}

/// Every weight of every norm of queries and keys at the notes' largest: attention picks one key.
std::string wild_model() {
  TinyModelOptions options;
  options.layers = 12;
  options.edit_tensors = [](std::vector<RawTensor>& tensors) {
    for (RawTensor& tensor : tensors) {
      if (tensor.name.find("k_norm") == std::string::npos) continue;
      for (size_t i = 0; i + 1 < tensor.bytes.size(); i += 2) {  // 96.5 in bf16
        tensor.bytes[i] = static_cast<char>(0xC1);
        tensor.bytes[i + 1] = 0x42;
      }
    }
  };
  static const TempDirectory directory = write_tiny_model(options);
  return directory.path().string();
}

}  // namespace

TEST_CASE("a trained model is quiet, says the same token in every run, and the twin lies within its noise") {
  for (const std::string name : {"qwen3-tiny", "llama-tiny"}) {
    const std::string model = trained(name);
    const Said said = noise({recorded(model, "oracle"), "--runs", "4", "--json", "--against", recorded(model, "twin")});
    INFO(name << said.out << said.err);
    REQUIRE(said.status == 0);
    const json report = json::parse(said.out), floor = report["floors"][0];
    CHECK(floor["chaotic"] == false);
    CHECK(floor["forgets_layer"] == nullptr);
    CHECK(floor["logits"]["relative"] < 0.05);
    CHECK(floor["logits"]["relative"] > 1e-4);
    CHECK(floor["logits"]["agreement"] > 0.9);
    CHECK(report["against"]["outcome"] == "within");
    CHECK(report["against"]["positions"].size() == 8);
  }
}

TEST_CASE("a planted defect lies beyond the noise, in the reference as in the candidate") {
  const std::string model = model_directory(), reference = recorded(model, "oracle");
  const std::string graph_fault = recorded(model, "twin", {"--fault", "norm.eps=1@layer.1.in_norm"});
  const std::string kernel_fault = recorded(model, "twin", {"--fault", "kernel.k_tail_lost@layer.1.mlp.down_proj"});
  for (const std::string& faulty : {graph_fault, kernel_fault}) {
    const Said said = noise({reference, "--runs", "8", "--against", faulty});
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    CHECK(said.says("BEYOND"));
    CHECK_FALSE(said.says("the reference lies beyond"));
  }
  const Said swapped = noise({kernel_fault, "--runs", "8", "--against", reference});
  INFO(swapped.out << swapped.err);
  CHECK(swapped.status == 1);
  CHECK(swapped.says("the reference lies beyond the noise of the exact replay, the candidate not"));
}

TEST_CASE("a model with huge norm weights is chaotic: a depth is named, tokens prove nothing") {
  const std::string model = wild_model(), reference = recorded(model, "oracle");
  const Said said = noise({reference, "--runs", "8", "--against", recorded(model, "twin")});
  INFO(said.out << said.err);
  CHECK(said.status == 3);
  CHECK(said.says("CHAOTIC"));
  CHECK(said.says("forgets the last bits of its input"));
  CHECK(said.says("UNDECIDABLE"));
}

TEST_CASE("noise of repeats needs no run, of one repeat decides nothing, and bad input has status 2") {
  const std::string model = model_directory(), reference = recorded(model, "oracle"), twin = recorded(model, "twin");
  const std::string other = recorded(model, "twin", {"--kernel", "qkv=exact"});
  const Said said = noise({reference, "--runs", "0", "--repeats", twin, other});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  CHECK(said.says("repeats, 2 runs"));
  CHECK(noise({reference, "--runs", "0", "--repeats", twin, "--against", other}).status == 3);
  CHECK(noise({reference, "--runs", "0"}).status == 2);
  CHECK(noise({reference, "--model", other_model_directory()}).status == 2);
  CHECK(noise({model + "/config.json"}).status == 2);
}

TEST_CASE("the report does not depend on the number of threads") {
  const std::string reference = recorded(model_directory(), "oracle");
  const Said one = noise({reference, "--runs", "3", "--json", "--threads", "1"});
  CHECK(one.status == 0);
  CHECK(noise({reference, "--runs", "3", "--json", "--threads", "3"}).out == one.out);
}
