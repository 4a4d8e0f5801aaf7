// SPDX-License-Identifier: Apache-2.0
// The program as a user starts it: exit status, what it prints, and the trace it leaves. Small random model, backend
// oracle (always there, any op) unless a row says otherwise.
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/statistics.h"
#include "support/catch.h"
#include "support/tiny_model.h"

#include <plumbline/trace.h>

namespace plumbline::test {
namespace {

struct Result {
  int status = -1;
  std::string out, err;
};

struct Workplace {
  TempDirectory model = write_tiny_model();
  TempDirectory files;

  std::string file(const std::string& name) const { return (files / name).string(); }
  std::string model_path() const { return model.path().string(); }

  Result run(const std::string& arguments) const {
    const std::string command = std::string("\"") + PLUMBLINE_RUN_PROGRAM + "\" " + arguments + " >\"" + file("out") +
                                "\" 2>\"" + file("err") + "\"";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(file("out")), read_file(file("err"))};
  }
  /// `arguments` after "MODEL --backend oracle".
  Result oracle(const std::string& arguments) const { return run(model_path() + " --backend oracle " + arguments); }
};

/// Digest of every tap by step and path.
std::map<std::pair<int64_t, std::string>, std::string> digests(const Trace& trace) {
  std::map<std::pair<int64_t, std::string>, std::string> all;
  for (const TapEntry& tap : trace.taps()) all[{tap.step, tap.path}] = tap.xxh3;
  return all;
}

}  // namespace

TEST_CASE("a prompt leaves a complete trace that says what made it", "[run]") {
  const Workplace place;
  const Result result =
      place.oracle("--prompt \"Once upon\" --new 3 --fault rope.theta=1e4 --threads 1 -o " + place.file("a.h5"));
  INFO(result.err);
  REQUIRE(result.status == 0);
  CHECK(result.out.starts_with("prompt        9 tokens  \"Once upon\"\ncontinuation  "));
  const Trace trace = Trace::open(place.file("a.h5"));
  const TraceHeader& header = trace.header();
  CHECK(header.complete);
  CHECK(header.backend == "oracle");
  CHECK(header.prompt == "Once upon");
  CHECK(header.faults == std::vector<std::string>{"rope.theta=1e4"});
  CHECK(header.files.count("config.json") == 1);
  CHECK(header.files.count("model.safetensors") == 1);
  CHECK(header.parameters.count("model.norm.weight") == 1);
  CHECK(header.environment.at("threads") == "1");
  CHECK_FALSE(header.environment.at("backend.description").empty());
  CHECK(op_graph_from_json(header.graph_json).find("layer.1.attn.q_rope") != nullptr);
  REQUIRE(trace.steps().size() == 3);
  CHECK(trace.steps()[0].tokens.size() == 9);
  CHECK(trace.steps()[2].first_position == 10);
  CHECK(trace.find("layer.1.attn.k_cache", 2)->shape == Shape{1, 2, 11, 32});
}

TEST_CASE("a trace given as tokens is replayed step for step, with the same bits", "[run]") {
  const Workplace place;
  REQUIRE(place.oracle("--prompt Hello --new 4 -o " + place.file("a.h5")).status == 0);
  REQUIRE(place.oracle("--tokens " + place.file("a.h5") + " -o " + place.file("b.h5")).status == 0);
  const auto first = digests(Trace::open(place.file("a.h5")));
  CHECK(first.size() > 100);
  CHECK(first == digests(Trace::open(place.file("b.h5"))));
}

TEST_CASE("every backend that is ready runs the same tokens, and taps change none of its logits", "[run]") {
  const Workplace place;
  write_file(place.files / "ids.txt", "[80, 108, 117, 109, 98]");
  size_t ran = 0;
  const auto list = nlohmann::json::parse(place.run("--list-backends --json").out);
  for (const auto& backend : list.at("backends")) {
    if (!backend.at("available").get<bool>()) continue;
    const std::string name = backend.at("name");
    const Result result = place.run(place.model_path() + " --backend " + name + " --tokens " + place.file("ids.txt") +
                                    " --prefill 3 --new 2 --verify-taps --json -o " + place.file(name + ".h5"));
    INFO(name << ": " << result.err);
    REQUIRE(result.status == 0);
    const auto report = nlohmann::json::parse(result.out);
    CHECK(report.at("steps") == 4);
    CHECK(report.at("prompt") == "Plumb");
    const Trace trace = Trace::open(place.file(name + ".h5"));
    CHECK(trace.taps().size() == report.at("taps").get<size_t>());
    CHECK(verify_trace(trace).empty());
    ++ran;
  }
  CHECK(ran >= 2);  // twin and oracle are always there
}

TEST_CASE("the twin's race check passes its own kernels", "[run]") {
  const Workplace place;
  const Result result = place.run(place.model_path() + " --backend twin --check races --prompt Hi --taps logits -o " +
                                  place.file("a.h5"));
  INFO(result.err);
  CHECK(result.status == 0);
}

TEST_CASE("--taps records what matches and nothing else", "[run]") {
  const Workplace place;
  REQUIRE(place.oracle("--prompt Hi --taps '*.resid2' --taps logits -o " + place.file("a.h5")).status == 0);
  std::vector<std::string> paths;
  const Trace trace = Trace::open(place.file("a.h5"));
  for (const TapEntry& tap : trace.taps()) paths.push_back(tap.path);
  CHECK(paths == std::vector<std::string>{"layer.0.resid2", "layer.1.resid2", "logits"});
}

TEST_CASE("a ring of any size leaves the same trace, byte for byte, and says how often it was full", "[run]") {
  const Workplace place;
  const auto run = [&](const std::string& ring, const std::string& name) {
    const Result result =
        place.run(place.model_path() + " --backend twin --prompt \"Once upon\" --new 3 --json --ring " + ring + " -o " +
                  place.file(name));
    INFO(result.err);
    REQUIRE(result.status == 0);
    return nlohmann::json::parse(result.out).at("capture");
  };
  const nlohmann::json roomy = run("256M", "a.h5"), tiny = run("4K", "b.h5"), none = run("1", "c.h5");
  CHECK(roomy.at("ring_bytes") == 256 << 20);
  CHECK(roomy.at("oversized") == 0);
  CHECK(tiny.at("oversized") > 0);
  CHECK(tiny.at("oversized") < tiny.at("taps"));
  CHECK(tiny.at("stalls") > 0);
  CHECK(none.at("oversized") == none.at("taps"));
  const Trace first = Trace::open(place.file("a.h5"));
  CHECK(first.taps().size() == roomy.at("taps").get<size_t>());
  for (const char* name : {"b.h5", "c.h5"}) {
    const Trace other = Trace::open(place.file(name));
    REQUIRE(other.taps().size() == first.taps().size());
    for (size_t i = 0; i < first.taps().size(); ++i) {
      const TapEntry &a = first.taps()[i], &b = other.taps()[i];
      CHECK((a.path == b.path && a.step == b.step && a.shape == b.shape && a.file_offset == b.file_offset));
      CHECK(a.xxh3 == b.xxh3);
    }
    CHECK(std::filesystem::file_size(place.file(name)) == std::filesystem::file_size(place.file("a.h5")));
    CHECK(verify_trace(other).empty());
  }
}

TEST_CASE("--taps takes words: outputs leaves out what is within ops, none leaves tokens alone", "[run]") {
  const Workplace place;
  for (const std::string backend : {"oracle", "twin"}) {
    const auto run = [&](const std::string& taps) {
      const std::string file = place.file(backend + taps + ".h5");
      const Result result =
          place.run(place.model_path() + " --backend " + backend + " --prompt Hi --taps " + taps + " -o " + file);
      INFO(result.err);
      REQUIRE(result.status == 0);
      CHECK((result.out.find("taps          none recorded") != std::string::npos) == (taps == "none"));
      return Trace::open(file);
    };
    const Trace all = run("all"), outputs = run("outputs"), none = run("none");
    CHECK(none.taps().empty());
    CHECK(none.steps().at(0).tokens == all.steps().at(0).tokens);
    const OpGraph graph = op_graph_from_json(all.header().graph_json);
    std::vector<std::string> handed_on;
    for (const TapEntry& tap : all.taps()) {
      const Op* op = graph.producer(tap.path);
      bool inner = false;
      for (size_t i = 0; op != nullptr && i < op->outputs.size(); ++i)
        inner = inner || (op->outputs[i].path == tap.path && op->outputs[i].inner);
      if (!inner) handed_on.push_back(tap.path + " " + tap.xxh3);
    }
    std::vector<std::string> there;
    for (const TapEntry& tap : outputs.taps()) there.push_back(tap.path + " " + tap.xxh3);
    CHECK(there == handed_on);
    CHECK(there.size() < all.taps().size());
  }
}

TEST_CASE("--taps stats keeps statistics of every tap, or of those named beside it, and no values", "[run]") {
  const Workplace place;
  const auto run = [&](const std::string& backend, const std::string& taps, const std::string& name) {
    const Result result = place.run(place.model_path() + " --backend " + backend + " --prompt Hi --new 2 " + taps +
                                    " -o " + place.file(name));
    INFO(result.err);
    REQUIRE(result.status == 0);
    CHECK((result.out.find("statistics in place of values") != std::string::npos) ==
          (taps.find("stats") != std::string::npos));
    return Trace::open(place.file(name));
  };
  for (const std::string backend : {"oracle", "twin"}) {
    const Trace values = run(backend, "", backend + "all.h5"), all = run(backend, "--taps stats", backend + "s.h5");
    REQUIRE(all.taps().size() == values.taps().size());
    for (size_t i = 0; i < all.taps().size(); ++i) {
      const TapEntry& tap = all.taps()[i];
      INFO(tap.path);
      CHECK(tap.path == values.taps()[i].path + ".stats");
      CHECK(tap.step == values.taps()[i].step);
      CHECK(holds_statistics(tap.axes, tap.shape));
      CHECK(all.read(tap).view().at(0) == static_cast<double>(element_count(values.taps()[i].shape)));
      if (!tap.path.ends_with("_cache.stats"))
        CHECK(tap.xxh3 == xxh3_64_hex(statistics_of(values.read(values.taps()[i]).view()).view().bytes()));
    }
    const Trace some = run(backend, "--taps stats --taps '*.q_proj' --taps logits", backend + "some.h5");
    REQUIRE(some.taps().size() == 6);  // of two layers and two steps
    CHECK(some.taps().back().path == "logits.stats");
  }
}

TEST_CASE("an existing trace is kept unless --force is given", "[run]") {
  const Workplace place;
  const std::string arguments = "--prompt Hi --taps logits -o " + place.file("a.h5");
  REQUIRE(place.oracle(arguments).status == 0);
  const std::string before = read_file(place.file("a.h5"));
  const Result refused = place.oracle(arguments);
  CHECK(refused.status == 2);
  CHECK(refused.err.find("--force") != std::string::npos);
  CHECK(read_file(place.file("a.h5")) == before);
  CHECK(place.oracle(arguments + " --force").status == 0);
}

TEST_CASE("what cannot be run ends with status 2 and names the culprit", "[run]") {
  const Workplace place;
  write_file(place.files / "words.txt", "one two");
  write_file(place.files / "far.txt", "1 2 320");
  struct Row {
    std::string arguments, named;
  };
  const std::string out = " -o " + place.file("x.h5");
  const std::vector<Row> rows = {
      {place.file("nowhere") + " --backend oracle --prompt Hi" + out, "nowhere"},
      {place.model_path() + " --backend oracle --prompt Hi --taps layer.0.attn.q_rop" + out, "layer.0.attn.q_rope"},
      {place.model_path() + " --backend oracle --prompt Hi --fault rope.thet" + out, "rope.theta"},
      {place.model_path() + " --backend oracle --prompt Hi --fault rope.theta@layer.9" + out, "layer.9"},
      {place.model_path() + " --backend oracle --tokens " + place.file("words.txt") + out, "'one'"},
      {place.model_path() + " --backend oracle --tokens " + place.file("far.txt") + out, "320"},
      {place.model_path() + " --backend oracle --tokens " + place.file("none.txt") + out, "none.txt"},
      {place.model_path() + " --backend oracle --prompt Hi -o " + place.file("no/dir/x.h5"), "no/dir"},
      {place.model_path() + " --prompt Hi" + out, "--backend"},
  };
  for (const Row& row : rows) {
    const Result result = place.run(row.arguments);
    INFO(row.arguments << "\n" << result.err);
    CHECK(result.status == 2);
    CHECK(result.err.find(row.named) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(place.file("x.h5")));
    std::filesystem::remove(place.file("x.h5.part"));
    std::filesystem::remove(place.file("x.h5.part.journal"));
  }
}

TEST_CASE("the order of sums is found by asking: the kernels' products are steps of sixteen terms", "[run][order]") {
  const Workplace place;
  const Result result =
      place.run("--order " + place.model_path() + " --backend twin --rows 5 --json --op layer.0.mlp.down_proj");
  INFO(result.err);
  REQUIRE(result.status == 0);
  const nlohmann::json order = nlohmann::json::parse(result.out).at("orders").at(0);
  CHECK(order.at("found") == true);
  const nlohmann::json& tree = order.at("tree");
  // The first step adds 16 terms to nothing, every later one 16 terms and the sum so far.
  CHECK(tree.at("sums").size() == (tree.at("terms").get<size_t>() + 15) / 16);
  CHECK(tree.at("sums").at(0).size() == 16);
  CHECK(tree.at("depth") == tree.at("sums").size());
}

TEST_CASE("the norm of the kernels adds in lanes, then by a butterfly", "[run][order]") {
  const Workplace place;
  const Result result = place.run("--order " + place.model_path() + " --backend twin --op final_norm");
  INFO(result.out << result.err);
  REQUIRE(result.status == 0);
  CHECK(result.out.find("parts joined at distance") != std::string::npos);
  CHECK(result.out.find("two at a time") != std::string::npos);
  const Result exact = place.run("--order " + place.model_path() + " --backend oracle --op final_norm");
  CHECK(exact.status == 3);
  CHECK(exact.out.find("wider than f32") != std::string::npos);
}

TEST_CASE("the sums within a fused attention are asked through it", "[run][order]") {
  const Workplace place;
  const Result result = place.run("--order " + place.model_path() +
                                  " --backend twin --rows 40 --json --op layer.0.attn.scores_raw --op "
                                  "layer.0.attn.softmax --op layer.0.attn.ctx");
  INFO(result.out << result.err);
  REQUIRE(result.status == 0);
  const nlohmann::json orders = nlohmann::json::parse(result.out).at("orders");
  for (const nlohmann::json& order : orders) {
    CHECK(order.at("found") == true);
    CHECK(order.at("within_attention") == true);
    CHECK(order.at("columns_differ") == false);
  }
  // Products in steps of 16, as every product of the kernels: of 40 keys three.
  CHECK(orders.at(0).at("tree").at("sums").at(0).size() == std::min<size_t>(16, orders.at(0).at("tree").at("terms")));
  CHECK(orders.at(2).at("tree").at("sums").size() == 3);
  // The softmax: 32 lanes, keys 0 to 7 first with the key 32 behind, then a butterfly.
  CHECK(orders.at(1).at("tree").at("terms") == 40);
  CHECK(orders.at(1).at("tree").at("depth") == 6);
  CHECK(orders.at(1).at("tree").at("sums").at(0).size() == 2);
}

TEST_CASE("an op without an order to find is said to be so", "[run][order]") {
  const Workplace place;
  const std::string start = "--order " + place.model_path() + " --backend twin --op layer.0.";
  const Result sums_nothing = place.run(start + "mlp.act");
  CHECK(sums_nothing.status == 2);
  CHECK(sums_nothing.err.find("sums nothing") != std::string::npos);
  const Result typo = place.run(start + "mlp.downproj");
  CHECK(typo.status == 2);
  CHECK(typo.err.find("layer.0.mlp.down_proj") != std::string::npos);
}

}  // namespace plumbline::test
