// SPDX-License-Identifier: Apache-2.0
// The command line: what is taken, what contradicts itself.
#include "run/options.h"

#include "support/catch.h"
#include "unit/trace/says.h"

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

ParsedOptions parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "plumbline-run");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

TEST_CASE("a full command line arrives whole", "[run]") {
  const RunOptions o = parse({"model",
                              "--backend",
                              "twin",
                              "--prompt",
                              "Hi",
                              "--new",
                              "3",
                              "--fault",
                              "gqa.map",
                              "--fault",
                              "rope.theta=1e4@layer.3",
                              "--taps",
                              "*.resid2",
                              "--taps",
                              "logits",
                              "--threads",
                              "2",
                              "--kernel",
                              "qkv=single@layer.3",
                              "--check",
                              "races",
                              "--verify-taps",
                              "--force",
                              "--json",
                              "--prefill",
                              "1",
                              "-o",
                              "a.h5"})
                           .options;
  CHECK(o.model == "model");
  CHECK(o.backend == "twin");
  CHECK(o.prompt == "Hi");
  CHECK(o.new_tokens == 3);
  CHECK(o.faults == std::vector<std::string>{"gqa.map", "rope.theta=1e4@layer.3"});
  CHECK(o.taps == std::vector<std::string>{"*.resid2", "logits"});
  CHECK(o.threads == 2);
  CHECK(o.kernels == std::vector<std::string>{"qkv=single@layer.3"});
  CHECK(o.check == "races");
  CHECK((o.verify_taps && o.force && o.json));
  CHECK(o.prefill == 1);
  CHECK(o.output == "a.h5");
}

TEST_CASE("the ring has a size in bytes, K, M or G", "[run]") {
  const auto ring = [](const char* size) {
    return parse({"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--ring", size}).options.ring_bytes;
  };
  CHECK(ring("100") == 100);
  CHECK(ring("16K") == 16 << 10);
  CHECK(ring("256M") == 256 << 20);
  CHECK(ring("64G") == int64_t{64} << 30);
}

TEST_CASE("what is missing or contradicts itself is a usage error", "[run]") {
  const auto arguments = GENERATE(values<std::vector<const char*>>({
      {},
      {"m", "--backend", "torch", "-o", "a"},
      {"m", "--backend", "torch", "--prompt", "x"},
      {"m", "--prompt", "x", "-o", "a"},
      {"--backend", "torch", "--prompt", "x", "-o", "a"},
      {"m", "--backend", "torch", "--prompt", "x", "--tokens", "f", "-o", "a"},
      {"m", "--backend", "jax", "--prompt", "x", "-o", "a"},
      {"m", "--backend", "torch", "--prompt", "x", "-o", "a", "--new", "-1"},
      {"m", "--backend", "torch", "--prompt", "x", "-o", "a", "--new", "many"},
      {"m", "--backend", "torch", "--prompt", "x", "-o", "a", "--prefill", "0"},
      {"m", "--backend", "torch", "--prompt", "x", "-o", "a", "--kernel", "qkv=hf"},
      {"m", "--backend", "cuda", "--prompt", "x", "-o", "a", "--check", "races"},
      {"m", "--backend", "torch", "--prompt", "x", "-o", "a", "--ring", "1M"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--ring", "0"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--ring", "65G"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--ring", "1MB"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--ring", "-1"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--device", "cuda"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--batch", "2"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--kernel", "qkv=fast"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--kernel", "qkv=hf", "--kernel", "qkv=f32"},
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--bogus"},
      {"m", "more", "--backend", "twin", "--prompt", "x", "-o", "a"},
  }));
  std::string line;
  for (const char* argument : arguments) line += std::string(argument) + " ";
  CAPTURE(line);
  CHECK_THROWS_AS(parse(arguments), UsageError);
}

TEST_CASE("an empty text is not an absent one, and a number has its limits; the option is named", "[run]") {
  struct Row {
    std::vector<const char*> more;
    std::string complaint;
  };
  const auto row = GENERATE(values<Row>({
      {{"--tokens", ""}, "--tokens: an empty text"},
      {{"--prompt", "x", "--tokens", ""}, "--tokens: an empty text"},
      {{"--prompt", "x", "-o", ""}, "--output: an empty text"},
      {{"--prompt", "x", "--backend", ""}, "--backend"},
      {{"--prompt", "x", "--fault", ""}, "--fault: an empty text"},
      {{"--prompt", "x", "--taps", ""}, "--taps: an empty text"},
      {{"--prompt", "x", "--kernel", ""}, "--kernel"},
      {{"--prompt", "x", "--check", ""}, "--check"},
      {{"--prompt", "x", "--threads", "0"}, "--threads: '0' is no whole number from 1 to 1024"},
      {{"--prompt", "x", "--threads", "010"}, "--threads: '010' is no whole number"},
      {{"--prompt", "x", "--threads", "0x10"}, "--threads: '0x10' is no whole number"},
      {{"--prompt", "x", "--threads", " 2"}, "--threads: ' 2' is no whole number"},
      {{"--prompt", "x", "--threads", "99999999999999999999"}, "no whole number from 1 to 1024"},
      {{"--prompt", "x", "--threads", "1000000"}, "--threads: '1000000' is no whole number from 1 to 1024"},
      {{"--prompt", "x", "--threads", ""}, "--threads"},
      {{"--prompt", "x", "--new", "-1"}, "--new: '-1' is no whole number from 0 to 1000000000"},
      {{"--prompt", "x", "--new", "1e3"}, "--new: '1e3' is no whole number"},
      {{"--prompt", "x", "--prefill", "0"}, "--prefill: '0' is no whole number from 1 to 1000000000"},
      {{"--prompt", "x", "--batch", "0"}, "--batch: '0' is no whole number from 1 to 64"},
      {{"--prompt", "x", "--batch", "65"}, "--batch: '65' is no whole number from 1 to 64"},
      {{"--prompt", "x", "-o", "a", "--batch", "2"}, "--batch belongs to the backend torch, not to twin"},
      {{"--prompt", "x", "--taps", "--json"}, "--taps has no value: the option --json follows"},
      {{"--prompt", "x", "--taps", "-o", "a"}, "--taps has no value: the option -o follows"},
      {{"--prompt", "--new", "3"}, "--prompt has no value: the option --new follows"},
      {{"--prompt", "x", "--taps"}, "--taps"},
  }));
  std::vector<const char*> arguments = {"m", "--backend", "twin"};
  arguments.insert(arguments.end(), row.more.begin(), row.more.end());
  CHECK(test::says(test::message_of([&] { parse(arguments); }), {row.complaint}));
}

TEST_CASE("a batch is for backend torch, and of one sequence if nothing is said", "[run]") {
  CHECK(parse({"m", "--backend", "torch", "--prompt", "x", "-o", "a"}).options.batch == 1);
  CHECK(parse({"m", "--backend", "torch", "--prompt", "x", "-o", "a", "--batch", "64"}).options.batch == 64);
}

TEST_CASE("an empty MODEL is named", "[run]") {
  CHECK(test::says(test::message_of([] {
                     parse({"", "--backend", "twin", "--prompt", "x", "-o", "a"});
                   }),
                   {"model: an empty text"}));
}

TEST_CASE("a value may be spelled like an option behind an equals sign, or be any other text", "[run]") {
  const RunOptions o = parse({"m", "--backend", "twin", "--prompt=--json", "-o", "a"}).options;
  CHECK(o.prompt == "--json");
  CHECK_FALSE(o.json);
  CHECK(parse({"m", "--backend", "twin", "--prompt", "-- dashes", "-o", "a"}).options.prompt == "-- dashes");
}

TEST_CASE("help and version need nothing else", "[run]") {
  CHECK(parse({"--help"}).finished.value_or("").find("--backend") != std::string::npos);
  CHECK(parse({"--version"}).finished.value_or("").starts_with("plumbline-run "));
  CHECK(parse({"--list-backends"}).options.list_backends);
}

}  // namespace plumbline::run
