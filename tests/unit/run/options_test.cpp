// SPDX-License-Identifier: Apache-2.0
// The command line: what is taken, what contradicts itself.
#include "run/options.h"

#include "support/catch.h"

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
      {"m", "--backend", "twin", "--prompt", "x", "-o", "a", "--device", "cuda"},
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

TEST_CASE("help and version need nothing else", "[run]") {
  CHECK(parse({"--help"}).finished.value_or("").find("--backend") != std::string::npos);
  CHECK(parse({"--version"}).finished.value_or("").starts_with("plumbline-run "));
  CHECK(parse({"--list-backends"}).options.list_backends);
}

}  // namespace plumbline::run
