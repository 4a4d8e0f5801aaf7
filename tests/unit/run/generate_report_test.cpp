// SPDX-License-Identifier: Apache-2.0
// What `plumbline generate` says, against approved texts, of which the JSON is held against its schema too.
#include "run/generate_report.h"

#include <fmt/format.h>

#include <cmath>

#include "support/catch.h"
#include "unit/report/approved.h"

namespace plumbline::run {
namespace {

const TokenText kByte = [](int64_t id) {
  return id < 32 ? std::to_string(id) : fmt::format("{} \"{}\"", id, static_cast<char>(id));
};

GenerateOptions options(const std::string& against, Sampling sampling) {
  GenerateOptions made;
  made.run.model = "models/tiny";
  made.run.backend = "torch";
  made.against = against;
  made.sampling = sampling;
  return made;
}

Generated drawn() {
  Generated run;
  run.given = {'u'};
  for (const char c : std::string("keukeukeu")) run.added.push_back(c);
  run.given_text = "u";
  run.added_text = "keukeukeu";
  run.prompt_seconds = 0.25;
  run.token_seconds = 2.0;
  run.faults = {"embed.scale"};
  return run;
}

}  // namespace

TEST_CASE("a drawn text that repeats itself", "[run]") {
  test::check_approved("generate/drawn.txt", generated_text(drawn(), kByte));
  test::check_approved("generate/drawn.json", generated_json(options("", {0.5, 40, 0.9, 7}), drawn()));
}

TEST_CASE("a text that ends at a stop token, without a tokenizer", "[run]") {
  Generated run;
  run.given = {1, 2};
  run.added = {300, 2};
  run.stopped = true;
  run.prompt_seconds = 1.0;
  const TokenText id = [](int64_t token) { return std::to_string(token); };
  test::check_approved("generate/stopped.txt", generated_text(run, id));
  test::check_approved("generate/stopped.json", generated_json(options("", {}), run));
}

TEST_CASE("a comparison that differs, and one whose candidate is broken", "[run]") {
  ForcedComparison comparison;
  comparison.fed = {'u', 'k', 'e'};
  comparison.next = {{0, {'k', 'a', 3.5, 1.25}, {'k', 'a', 3.25, 1.5}, 0.0625},
                     {1, {'e', 'o', 2.0, 1.75}, {'o', 'e', 2.0, 1.5}, 0.5},
                     {2, {'u', 'e', 9.0, 0.0}, {'u', 'e', 9.0, 0.5}, 0.001}};
  const Generated run = drawn();
  CHECK(comparison.status() == 1);
  test::check_approved("generate/differs.txt", comparison_text(options("twin", {}), run, comparison, kByte));
  test::check_approved("generate/differs.json", comparison_json(options("twin", {}), run, comparison));
  comparison.next = {{0, {'k', 'a', 3.5, 1.25}, {0, 1, std::nan(""), std::nan("")}, std::nan("")}};
  comparison.candidate_broken = 1;
  test::check_approved("generate/broken.txt", comparison_text(options("twin", {}), run, comparison, kByte));
  test::check_approved("generate/broken.json", comparison_json(options("twin", {}), run, comparison));
}

}  // namespace plumbline::run
