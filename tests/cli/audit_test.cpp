// SPDX-License-Identifier: Apache-2.0
// `plumbline audit` as a user and a CI job call it: exit status, outputs, refusals. Each rule: tests/unit/model.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

const std::string kTrained = PLUMBLINE_SOURCE_DIR "/dumps/models/qwen3-tiny";

TempDirectory without(const std::string& name, int shards = 1) {
  return write_tiny_model({.shards = shards, .edit_tensors = [name](std::vector<RawTensor>& tensors) {
                             std::erase_if(tensors, [&](const RawTensor& tensor) { return tensor.name == name; });
                           }});
}

}  // namespace

TEST_CASE("trained models are sound, and the same model with the notes' norms is condemned by their formula alone") {
  const Said said = call({"audit", kTrained});
  INFO(said.out << said.err);
  CHECK(said.status == 0);
  const std::string approved = read_file(PLUMBLINE_SOURCE_DIR "/tests/unit/report/approved/audit/sound.txt");
  const std::string place = "SOUND  dumps/models/qwen3-tiny";
  REQUIRE(approved.starts_with(place));
  CHECK(said.out == "SOUND  " + kTrained + approved.substr(place.size()));
  CHECK(call({"audit", PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny"}).says("without looking at a single weight"));

  const std::string extreme = scratch("extreme");
  REQUIRE(call({"make-model", "qwen3-tiny", "--k-norm-max", "notes", "-o", extreme}).status == 0);
  const Said noted = call({"audit", extreme});
  INFO(noted.out);
  CHECK(noted.status == 0);
  CHECK(noted.says("SOUND"));
  CHECK(noted.says("score 0.00, INCOMPATIBLE"));
  CHECK(noted.tells("largest K weight 96.5 in layer 0"));
  CHECK(noted.tells("16 of 28 layers above 10"));
}

TEST_CASE("a checkpoint that is wrong ends with status 1, and run refuses it") {
  for (const int shards : {1, 3}) {
    const TempDirectory model = without("model.layers.1.mlp.up_proj.weight", shards);
    const Said said = call({"audit", model.path().string()});
    INFO(said.out << said.err);
    CHECK(said.status == 1);
    CHECK(said.says("UNSOUND"));
    CHECK(said.says("error[P0701]: a parameter is missing"));
    CHECK(said.says("model.layers.1.mlp.up_proj.weight"));
    CHECK(call({"run", model.path().string(), "--backend", "oracle", "--prompt", "A", "-o", scratch("x.h5")}).status ==
          2);
  }
  CHECK(call({"explain", "P0701"}).status == 0);
}

TEST_CASE("warnings alone are status 0, with --strict 1") {
  const TempDirectory model = write_tiny_model({.rope_theta = 1e4});
  const Said said = call({"audit", model.path().string()});
  INFO(said.out);
  CHECK(said.status == 0);
  CHECK(said.says("warning[P0715]"));
  CHECK(call({"audit", model.path().string(), "--strict"}).status == 1);
  CHECK(call({"audit", kTrained, "--strict"}).status == 0);
}

TEST_CASE("a checkpoint none of whose tensors is a parameter was not audited: status 3") {
  const TempDirectory model = write_tiny_model({.edit_tensors = [](std::vector<RawTensor>& tensors) {
    for (RawTensor& tensor : tensors) tensor.name = "transformer." + tensor.name;
  }});
  const Said said = call({"audit", model.path().string()});
  INFO(said.out);
  CHECK(said.status == 3);
  CHECK(said.says("INCONCLUSIVE"));
  CHECK(said.tells("nothing was audited"));
}

TEST_CASE("with a trace it says stage by stage what happened, and a run that breaks is status 1") {
  const std::string sound = scratch("sound.h5"), broken = scratch("broken.h5"), statistics = scratch("stats.h5");
  const std::vector<std::string> run = {"run", kTrained, "--backend", "twin", "--prompt", "The licenses", "-o"};
  const auto record = [&](const std::string& file, std::vector<std::string> more) {
    std::vector<std::string> arguments = run;
    arguments.push_back(file);
    arguments.insert(arguments.end(), more.begin(), more.end());
    REQUIRE(call(arguments).status == 0);
  };
  record(sound, {});
  record(broken, {"--fault", "bias.uninitialised=1e29@layer.1.attn.v_proj"});
  record(statistics, {"--taps", "stats"});
  const Said whole = call({"audit", kTrained, "--trace", sound, "--runs", "2"});
  INFO(whole.out << whole.err);
  CHECK(whole.status == 0);
  CHECK(whole.says("layer.27.resid2"));
  CHECK(whole.tells("not chaotic"));
  CHECK(whole.tells("where the norm weights allow"));
  const Said bad = call({"audit", kTrained, "--trace", broken});
  INFO(bad.out << bad.err);
  CHECK(bad.status == 1);
  CHECK(bad.tells("It breaks at layer.1.resid2"));
  CHECK(bad.tells("layer.1.attn.v_proj: largest magnitude"));
  const Said few = call({"audit", kTrained, "--trace", statistics});
  INFO(few.out << few.err);
  CHECK(few.status == 0);
  CHECK(few.tells("not measured; the trace holds statistics alone"));
  const Said other = call({"audit", PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny", "--trace", sound});
  CHECK(other.status == 2);
  CHECK(other.complains("another architecture"));
  CHECK(call({"audit", kTrained, "--trace", "/nowhere.h5"}).status == 2);
  CHECK(call({"audit", kTrained, "--trace", ""}).status == 2);
}

TEST_CASE("run warns of a checkpoint that audit would not call sound, once and unless told not to") {
  const TempDirectory model = write_tiny_model({.rope_theta = 1e4});
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "run", model.path().string(), "--backend", "oracle", "--prompt", "A", "--force", "-o", scratch("warned.h5")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return call(arguments);
  };
  const Said warned = run({});
  INFO(warned.out << warned.err);
  CHECK(warned.status == 0);
  CHECK(warned.complains("plumbline audit " + model.path().string()));
  CHECK(warned.complains("1 warning"));
  CHECK(!run({"--no-audit"}).complains("plumbline audit"));
  CHECK(!call({"run", kTrained, "--backend", "twin", "--prompt", "A", "--force", "-o", scratch("quiet.h5")})
             .complains("plumbline audit"));
}

TEST_CASE("JSON and the drawing say the same, whatever the number of threads") {
  const std::string svg = scratch("weights.svg");
  const Said one = call({"audit", kTrained, "--json", "-j", "1", "--svg", svg}),
             two = call({"audit", kTrained, "--json"});
  CHECK(one.status == 0);
  CHECK(one.out == two.out);
  const nlohmann::json report = nlohmann::json::parse(one.out);
  CHECK(report["schema"]["name"] == "plumbline-audit");
  CHECK(report["tensors"].size() == 310);
  CHECK(report["findings"].empty());
  const std::string drawing = read_file(svg);
  CHECK(drawing.starts_with("<svg "));
  CHECK(drawing.find("self_attn.k_norm") != std::string::npos);
}

TEST_CASE("what cannot be audited is refused with status 2") {
  const TempDirectory empty, gguf = write_tiny_model();
  std::filesystem::rename(gguf / "model.safetensors", gguf / "model.gguf");
  TempDirectory cut = write_tiny_model();
  const std::string bytes = read_file(cut / "model.safetensors");
  write_file(cut / "model.safetensors", bytes.substr(0, bytes.size() - 1));
  struct Row {
    std::vector<std::string> arguments;
    std::string reason;
  };
  const Row rows[] = {
      {{"audit", "/nowhere"}, "no such directory"},
      {{"audit", empty.path().string()}, "no config.json"},
      {{"audit", gguf.path().string()}, "model.gguf"},
      {{"audit", cut.path().string()}, "offsets lie outside the file"},
      {{"audit", ""}, "MODEL is empty"},
      {{"audit"}, "MODEL"},
      {{"audit", kTrained, "--svg", "/nowhere/x.svg"}, "cannot write"},
      {{"audit", kTrained, "-j", "0"}, "--threads"},
  };
  for (const Row& row : rows) {
    const Said said = call(row.arguments);
    INFO(row.reason << "\n" << said.out << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(row.reason));
  }
}

}  // namespace plumbline::test
