// SPDX-License-Identifier: Apache-2.0
// Where tokens come from and how they are divided into steps.
#include "run/feed.h"

#include "run/stop_tokens.h"
#include "support/catch.h"
#include "support/tiny_model.h"
#include "unit/trace/says.h"

#include <nlohmann/json.hpp>

#include <plumbline/error.h>

namespace plumbline::run {
namespace {

using Steps = std::vector<std::vector<int64_t>>;

struct Source {
  test::TempDirectory directory = test::write_tiny_model();
  Model model = load_model(directory.path());

  RunOptions tokens(const std::string& text, int64_t prefill = 0) const {
    test::write_file(directory / "ids.txt", text);
    RunOptions options;
    options.tokens = directory / "ids.txt";
    options.prefill = prefill;
    return options;
  }
};

}  // namespace

TEST_CASE("token ids are read from JSON and from plain text", "[run]") {
  const auto text = GENERATE(as<std::string>(), "[3, 1, 4]", "3 1 4\n", "3,1,4", " [3,1,\n4] \n", "3\t1\r\n4");
  CAPTURE(text);
  CHECK(parse_token_ids(text, "test") == std::vector<int64_t>{3, 1, 4});
}

TEST_CASE("what is no list of ids is refused", "[run]") {
  const auto text =
      GENERATE(as<std::string>(), "", " \n", "[]", "3 x 4", "3.5", "[3, 1", "{\"a\": 1}", "99999999999999999999");
  CAPTURE(text);
  CHECK_THROWS_AS(parse_token_ids(text, "test"), InputError);
}

TEST_CASE("a prompt is one step of its bytes", "[run]") {
  const Source source;
  RunOptions options;
  options.prompt = "Hi!";
  const Feed feed = make_feed(options, source.model);
  CHECK(feed.steps == Steps{{'H', 'i', '!'}});
  CHECK(feed.prompt == "Hi!");
  options.prompt = "";
  CHECK_THROWS_AS(make_feed(options, source.model), InputError);
}

TEST_CASE("--prefill divides the tokens into a first step and single ones", "[run]") {
  const Source source;
  CHECK(make_feed(source.tokens("1 2 3 4"), source.model).steps == Steps{{1, 2, 3, 4}});
  CHECK(make_feed(source.tokens("1 2 3 4", 2), source.model).steps == Steps{{1, 2}, {3}, {4}});
  CHECK(make_feed(source.tokens("1 2 3 4", 4), source.model).steps == Steps{{1, 2, 3, 4}});
  CHECK_THROWS_AS(make_feed(source.tokens("1 2 3 4", 5), source.model), InputError);
}

TEST_CASE("ids outside the vocabulary are refused with their place", "[run]") {
  const Source source;  // of 320 ids
  CHECK(make_feed(source.tokens("0 319"), source.model).tokens().size() == 2);
  const auto text = GENERATE(as<std::string>(), "5 320", "5 -1", "5 9223372036854775807");
  CAPTURE(text);
  CHECK(test::says(test::message_of([&] { make_feed(source.tokens(text), source.model); }),
                   {"number 1 (from 0) of 2", "0 to 319"}));
}

TEST_CASE("more tokens than positions are refused, new ones counted", "[run]") {
  Source source;
  source.model.config.max_positions = 4;
  RunOptions options = source.tokens("1 2 3 4");
  options.new_tokens = 1;  // chosen, not fed
  CHECK(make_feed(options, source.model).tokens().size() == 4);
  options.new_tokens = 2;
  CHECK_THROWS_AS(make_feed(options, source.model), InputError);
}

TEST_CASE("stop tokens come from generation_config.json, else from config.json", "[run]") {
  Source source;
  source.model.config.json = R"({"eos_token_id": 7})";
  CHECK(stop_tokens(source.model).ids == std::vector<int64_t>{7});
  test::write_file(source.directory / "generation_config.json", R"({"eos_token_id": [5, 6]})");
  CHECK(stop_tokens(source.model).ids == std::vector<int64_t>{5, 6});
  CHECK(stop_tokens(source.model).source == "generation_config.json");
  test::write_file(source.directory / "generation_config.json", "{}");
  CHECK(stop_tokens(source.model).ids == std::vector<int64_t>{7});
  test::write_file(source.directory / "generation_config.json", "{");
  CHECK_THROWS_AS(stop_tokens(source.model), InputError);
}

}  // namespace plumbline::run
