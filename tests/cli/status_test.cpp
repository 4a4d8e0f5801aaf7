// SPDX-License-Identifier: Apache-2.0
// The exit statuses of DESIGN 8, each with the place and the way out.
#include <plumbline/trace.h>

#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline::test;
using plumbline::Trace;

namespace {

std::string reference() { return record("ref.h5", {"oracle", {}, "", 16}); }
std::string candidate() { return record("cand.h5", {"twin", {}, "", 16}); }

}  // namespace

TEST_CASE("a wrong command line is 2 and says what is wrong") {
  struct Row {
    std::vector<std::string> arguments;
    std::string complaint;
  };
  const Row rows[] = {
      {{}, "subcommand"},
      {{"frobnicate"}, "no verb 'frobnicate'"},
      {{"fnid", reference()}, "did you mean 'find'"},
      {{"FIND", reference()}, "did you mean 'find'"},
      {{""}, "the verb is empty"},
      {{"--bogus"}, "no option '--bogus'"},
      {{"find", reference(), candidate(), "-n", "-1"}, "1000000"},
      {{"find", reference(), candidate(), "-j", "99999999999"}, "1024"},
      {{"gate", reference(), candidate(), "--allow-missing", "layer.1.attn.q_prj*"}, "layer.1.attn.q_proj"},
      {{"ls", reference(), "layer.1.attn.q_prj*"}, "no tap matches 'layer.1.attn.q_prj*'"},
      {{"run", model_directory(), "--backend", "twin", "-o", scratch("x.h5"), "--taps"}, "--taps"},
      {{"recover", ".", "-o", scratch("x.h5")}, ". is a directory"},
      {{"find"}, "REF"},
      {{"find", reference()}, "CAND"},
      {{"find", reference(), candidate(), "--modell", "x"}, "--modell"},
      {{"gate", reference(), candidate(), "--min-coverage", "7"}, "0 to 1"},
      {{"find", reference(), candidate(), "--model", ""}, "--model names no directory"},
      {{"gate", reference(), candidate(), "--model="}, "--model"},
      {{"doctor", reference(), candidate(), "--model", ""}, "--model names no directory"},
      {{"explain", "P9999"}, "no such code"},
      {{"show", reference(), "layer.1.attn.q_prj"}, "layer.1.attn.q_proj"},
      {{"show", reference(), "embed", "--at", "0,99,0"}, "shape"},
      {{"show", reference(), "embed", "--step", "5"}, "steps"},
      {{"doctor", reference()}, "two traces"},
      {{"run", model_directory(), "--backend", "quantum", "-o", scratch("x.h5")}, "quantum"},
  };
  for (const Row& row : rows) {
    const Said said = call(row.arguments);
    INFO(said.err << said.out);
    CHECK(said.status == 2);
    CHECK(said.complains(row.complaint));
    CHECK(said.out.empty());
  }
}

TEST_CASE("traces without values prove nothing: 3, never parity, and it is said why") {
  const std::string statistics = record("stats.h5", {"twin", {"--taps", "stats"}, "", 16}),
                    nothing = record("none.h5", {"twin", {"--taps", "none"}, "", 16});
  for (const std::string& file : {statistics, nothing}) {
    for (const std::vector<std::string>& verb :
         {std::vector<std::string>{"find"}, {"diff"}, {"diff", "--values-only"}, {"gate"}}) {
      for (const std::string& other : {file, reference()}) {
        std::vector<std::string> words = verb;
        words.insert(words.end(), {other, file});
        const Said said = call(words);
        INFO(verb.front() << " " << other << "\n" << said.out << said.err);
        CHECK(said.status == 3);
        CHECK(said.tells("nothing could be compared"));
        CHECK(said.tells("statistics of taps (run --taps stats), not their values") == (file == statistics));
      }
    }
  }
  CHECK(call({"ls", statistics, "logits.stats"}).says("0 NaN, 0 infinite"));
  const Said shown = call({"show", statistics, "logits.stats"});
  CHECK(shown.says("values: min "));
  CHECK(call({"verify", statistics}).status == 0);
}

TEST_CASE("a file that cannot be read is 2 and is named") {
  const std::string text = scratch("not_hdf5.h5"), cut = scratch("cut.h5");
  write_file(text, "this is no HDF5 file\n");
  const std::string whole = read_file(reference());
  write_file(cut, whole.substr(0, whole.size() / 2));
  for (const std::string& file : {scratch("absent.h5"), text, cut}) {
    for (const char* verb : {"find", "diff", "gate"}) {
      const Said said = call({verb, reference(), file});
      INFO(said.err);
      CHECK(said.status == 2);
      CHECK(said.complains(file));
    }
    CHECK(call({"ls", file}).status == 2);
  }
  const Said model = call({"find", reference(), candidate(), "--model", scratch("no_such_model")});
  CHECK(model.status == 2);
  CHECK(model.complains("no_such_model"));
}

TEST_CASE("what cannot be concluded is 3, with the way out") {
  struct Row {
    std::vector<std::string> arguments;
    std::string code, help;
  };
  const std::string tokens = scratch("other_tokens.json");
  write_file(tokens, "[80, 101, 114, 66, 105, 115, 115, 105, 111, 110, 32, 105, 115, 32, 104, 101]\n");
  const std::string prompt = scratch("prompt.h5");
  REQUIRE(call({"run", model_directory(), "--backend", "twin", "--tokens", tokens, "-o", prompt}).status == 0);
  const std::string checkpoint = record("checkpoint.h5", {"twin", {}, other_model_directory(), 16});
  const std::string few = record("few.h5", {"twin", {"--taps", "layer.0.mlp.*"}, "", 16});
  const std::string others = record("others.h5", {"oracle", {"--taps", "layer.1.mlp.*"}, "", 16});
  const Row rows[] = {
      {{"find", reference(), prompt}, "P0402", "--tokens"},
      {{"find", reference(), checkpoint}, "P0401", "same model directory"},
      {{"find", reference(), candidate(), "--model", other_model_directory()}, "P0406", "--model DIR"},
      {{"find", others, few}, "P0103", "plumbline doctor"},
      {{"gate", reference(), few, "--allow-missing", "*"}, "P0501", "--min-coverage"},
      {{"gate", reference(), few, "--min-coverage", "0", "-n", "0"}, "P0502", "--allow-missing"},
  };
  for (const Row& row : rows) {
    const Said said = call(row.arguments);
    INFO(said.out << said.err);
    CHECK(said.status == 3);
    CHECK(said.says("INCONCLUSIVE"));
    CHECK(said.says("[" + row.code + "]"));
    CHECK(said.says(row.help));
  }
}

TEST_CASE("of different checkpoints the report says whether the parameters as used agree") {
  const std::string repacked = scratch("repacked_model");
  std::filesystem::copy(model_directory(), repacked, std::filesystem::copy_options::recursive);
  const std::string config = read_file(repacked + "/config.json");
  write_file(repacked + "/config.json", config + "\n");
  const std::string other = record("other_packing.h5", {"twin", {}, repacked, 16});
  const Said same = call({"find", reference(), other, "-n", "0"});
  INFO(same.out << same.err);
  CHECK(same.status == 3);
  CHECK(same.says("config.json"));
  CHECK(same.says("parameters that both sides used are the"));
  const std::string weights = record("checkpoint.h5", {"twin", {}, other_model_directory(), 16});
  const Said differ = call({"find", reference(), weights});
  CHECK(differ.status == 3);
  CHECK(differ.says("parameters as used differ"));
}

TEST_CASE("a tap on one side only is listed by find and its ops are judged in a segment") {
  const std::string sparse = record(
      "sparse.h5",
      {"twin",
       {"--taps", "embed",       "--taps", "rope.cos",      "--taps", "rope.sin",      "--taps", "layer.*proj",
        "--taps", "layer.*.out", "--taps", "layer.*resid*", "--taps", "layer.*_cache", "--taps", "layer.*_rope",
        "--taps", "layer.*ctx*", "--taps", "layer.*probs",  "--taps", "layer.*mlp*",   "--taps", "final_norm.out",
        "--taps", "logits"},
       "",
       16});
  const Said found = call({"find", reference(), sparse, "-n", "0"});
  INFO(found.out);
  CHECK(found.status == 0);
  CHECK(found.says("layer.0.attn.scores_raw (only in the reference)"));
  CHECK(found.says("(100.0%)"));
  CHECK(call({"gate", reference(), sparse}).status == 3);
  CHECK(call({"gate", reference(), sparse, "--allow-missing", "*"}).status == 0);
}

TEST_CASE("one layer alone: what comes after it is not judged, which the gate may be told to expect") {
  const std::string trained = PLUMBLINE_SOURCE_DIR "/dumps/models/qwen3-tiny";
  const std::string whole = record("trained.h5", {"oracle", {}, trained, 16});
  const std::string layer = record("layer3.h5", {"twin", {"--taps", "layer.3.*"}, trained, 16});
  const Said found = call({"find", whole, layer});
  INFO(found.out << found.err);
  CHECK(found.status == 3);
  for (const char* text : {"[P0104]", "674 ops, the first layer.4.in_norm: ", "recorded on both sides"})
    CHECK(found.says(text));
  const auto gate = [&](const std::string& candidate, const std::vector<std::string>& globs) {
    std::vector<std::string> arguments{"gate", whole, candidate, "--min-coverage", "0.02"};
    for (const std::string& glob : globs) arguments.insert(arguments.end(), {"--allow-missing", glob});
    const Said said = call(arguments);
    UNSCOPED_INFO(said.out << said.err);
    return said.status;
  };
  CHECK(gate(layer, {}) == 3);
  CHECK(gate(layer, {"layer.2.*"}) == 3);
  CHECK(gate(layer, {"*"}) == 0);
  const std::string faulty =
      record("layer3_fault.h5", {"twin", {"--taps", "layer.3.*", "--fault", "rope.theta=1e4@layer.3"}, trained, 16});
  CHECK(gate(faulty, {"*"}) == 1);
}

TEST_CASE("without its model a pair is judged by nobody; only values can be compared, if asked for") {
  const std::string model = scratch("moved_model");
  std::filesystem::copy(model_directory(), model, std::filesystem::copy_options::recursive);
  const std::string a = record("moved_a.h5", {"twin", {}, model, 8});
  const std::string healthy = record("moved_healthy.h5", {"oracle", {}, model, 8});
  const std::string b = record("moved_b.h5", {"twin", {"--fault", "mask.off_by_one@layer.2"}, model, 8});
  std::filesystem::remove_all(model);
  for (const char* verb : {"find", "gate"}) {
    const Said found = call({verb, a, healthy});
    INFO(found.out << found.err);
    CHECK(found.status == 2);
    CHECK(found.complains("no model"));
    CHECK(found.complains("moved_model"));
    CHECK(found.complains("--model DIR"));
    CHECK(call({verb, a, healthy, "--model", model_directory()}).status == 0);
  }
  const Said doctor = call({"doctor", a, healthy});
  CHECK(doctor.status == 3);
  CHECK(doctor.says("no: no model"));
  CHECK(doctor.says("--model DIR"));
  CHECK_FALSE(doctor.says("yes"));
  CHECK(call({"doctor", a, healthy, "--model", model_directory()}).status == 0);
  CHECK(call({"doctor", a, healthy, "--model", other_model_directory()}).status == 3);
  CHECK(call({"gate", a, a, "--values-only"}).status == 0);
  const Said unequal = call({"gate", a, healthy, "--values-only"});
  CHECK(unequal.status == 1);
  CHECK(unequal.says("P0205"));
  CHECK(call({"gate", a, b, "--values-only", "--model", model_directory()}).status == 2);
  const Said differs = call({"diff", a, b});
  INFO(differs.out);
  CHECK(differs.status == 1);
  CHECK(differs.says("P0205"));
  CHECK(differs.says("no model"));
  CHECK(call({"diff", a, a}).status == 0);
  CHECK(call({"find", a, b, "--model", model_directory()}).status == 1);
}

TEST_CASE("the JSON report stands alone on standard output and agrees with the exit status") {
  const Said said = call({"diff", reference(), candidate(), "--json"});
  const auto report = nlohmann::json::parse(said.out);
  CHECK(report["schema"]["name"] == "plumbline-report");
  CHECK(report["outcome"]["exit_status"] == said.status);
  CHECK(said.status == 0);
  CHECK(said.err.empty());
}

TEST_CASE("the verbs that look at one file") {
  CHECK(call({"--version"}).says("plumbline 0."));
  const Said help = call({"--help"});
  CHECK(help.status == 0);
  for (const char* verb : {"run", "find", "diff", "gate", "policy", "show", "ls", "faults", "doctor", "verify",
                           "recover", "explain", "blame", "repro", "observer", "import", "generate"})
    CHECK(help.says(verb));
  const Said list = call({"ls", reference(), "layer.3.attn.q_rope"});
  CHECK(list.says("layer.3.attn.q_rope"));
  CHECK(list.says("1 of "));
  const Said shown = call({"show", reference(), "embed", "--at", "0,3,5", "--vs", candidate()});
  CHECK(shown.status == 0);
  CHECK(shown.says("> [0, 3, 5]"));
  CHECK(shown.says("0x"));
  CHECK(call({"verify", reference()}).status == 0);
  CHECK(call({"explain", "P0201"}).says("What to do"));
  CHECK(call({"explain"}).says("P0405"));
}

TEST_CASE("doctor says whether two traces will pair") {
  const Said machine = call({"doctor"});
  CHECK(machine.status == 0);
  CHECK(machine.says("twin"));
  const Said pair = call({"doctor", reference(), candidate()});
  CHECK(pair.status == 0);
  CHECK(pair.says("16 positions"));
  const Said no = call({"doctor", reference(), record("checkpoint.h5", {"twin", {}, other_model_directory(), 16})});
  CHECK(no.status == 3);
  CHECK(no.says("different checkpoints"));
}

TEST_CASE("a damaged payload is named by verify and judged by no verb: 2") {
  const Trace trace = Trace::open(candidate());
  std::string bytes = read_file(candidate());
  char& hit = bytes[static_cast<size_t>(trace.find("layer.1.mlp.mul", 0)->file_offset) + 100];
  hit = static_cast<char>(hit ^ 1);
  const std::string damaged = scratch("damaged.h5");
  write_file(damaged, bytes);
  const Said verified = call({"verify", damaged});
  INFO(verified.out << verified.err);
  CHECK(verified.status == 1);
  CHECK(verified.says("layer.1.mlp.mul"));
  const std::vector<std::string> pairs[] = {{reference(), damaged}, {damaged, reference()}, {damaged, damaged}};
  for (const std::vector<std::string>& pair : pairs) {
    for (const char* verb : {"find", "diff", "gate", "doctor"}) {
      const Said said = call({verb, pair[0], pair[1]});
      INFO(verb << said.out << said.err);
      CHECK(said.status == 2);
      CHECK(said.complains(damaged));
      CHECK(said.complains("'layer.1.mlp.mul' of step 0"));
      CHECK(said.complains("record the run again"));
    }
  }
}

TEST_CASE("the program links neither LibTorch nor CUDA") {
  const Said said = run_program("/usr/bin/readelf", {"-d", PLUMBLINE_BINARY_DIR "/bin/plumbline"});
  REQUIRE(said.status == 0);
  CHECK(said.says("Shared library: [libc.so"));
  // Library names stand in brackets with their prefix: a bare "c10" is also met in the addresses of the section.
  for (const char* library : {"[libtorch", "[libc10", "[libcuda", "[libcudart", "[libcublas"}) {
    INFO(library);
    CHECK_FALSE(said.says(library));
  }
}
