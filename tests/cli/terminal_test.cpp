// SPDX-License-Identifier: Apache-2.0
// Colour, width, pager, progress and the environment's twins, on a terminal and off it.
#include <cstdlib>

#include "cli/program.h"
#include "cli/terminal_program.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

constexpr const char *kColour = "\033[1;31m", *kDivergence = "DIVERGENCE";

/// find on a healthy and a faulty run: a report of more than 24 lines.
std::vector<std::string> find_words(const std::vector<std::string>& more = {}) {
  std::vector<std::string> words{
      "find", record("ref.h5"),
      record("cand.h5", {"twin", {"--fault", "weight.transposed@layer.1.attn.o_proj"}, model_directory()})};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// A variable that is set while this lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("colour follows the option, then the variables, then the terminal") {
  struct Row {
    std::vector<std::string> options;
    std::map<std::string, std::string> environment;
    bool coloured;
  };
  const Row rows[] = {
      {{}, {}, true},
      {{"--color", "never"}, {}, false},
      {{"--color", "never"}, {{"CLICOLOR_FORCE", "1"}}, false},
      {{"--color", "always"}, {{"NO_COLOR", "1"}}, true},
      {{}, {{"NO_COLOR", "1"}}, false},
      {{}, {{"NO_COLOR", ""}}, true},
      {{}, {{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}, false},
      {{}, {{"TERM", "dumb"}}, false},
      {{}, {{"TERM", "dumb"}, {"FORCE_COLOR", "1"}}, true},
      {{}, {{"CLICOLOR", "0"}}, false},
      {{}, {{"PLUMBLINE_COLOR", "never"}}, false},
      {{"--color", "always"}, {{"PLUMBLINE_COLOR", "never"}}, true},
  };
  for (const Row& row : rows) {
    std::map<std::string, std::string> environment = row.environment;
    environment["PLUMBLINE_NO_PAGER"] = "1";
    const Seen seen = on_terminal(find_words(row.options), environment);
    INFO(seen.text);
    CHECK(seen.status == 1);
    CHECK(seen.shows(kDivergence));
    CHECK(seen.shows(kColour) == row.coloured);
  }
}

TEST_CASE("a file or pipe gets plain text unless colour is forced, and documents never get any") {
  CHECK_FALSE(call(find_words()).says("\033"));
  CHECK(call(find_words({"--color", "always"})).says(kColour));
  CHECK_FALSE(call(find_words({"--color", "always", "--json"})).says("\033"));
  const Variable force("CLICOLOR_FORCE", "1");
  CHECK(call(find_words()).says(kColour));
}

TEST_CASE("a long report goes through the pager, a short one and one without a pager straight") {
  const std::map<std::string, std::string> pager{{"PLUMBLINE_PAGER", "sed s/^/paged:/"}};
  const Seen paged = on_terminal(find_words(), pager);
  INFO(paged.text);
  CHECK(paged.status == 1);
  CHECK(paged.shows("paged:"));
  CHECK(paged.shows(kDivergence));
  CHECK_FALSE(on_terminal(find_words({"--no-pager"}), pager).shows("paged:"));
  CHECK_FALSE(on_terminal({"explain", "P0201"}, pager).shows("paged:"));
  CHECK(on_terminal(find_words(), {{"PAGER", "sed s/^/own:/"}}).shows("own:"));
  for (const std::string none : {"", "cat", "no-such-pager-here"}) {
    INFO(none);
    const Seen straight = on_terminal(find_words(), {{"PLUMBLINE_PAGER", none}});
    CHECK(straight.shows(kDivergence));
    CHECK(straight.status == 1);
  }
  CHECK(on_terminal(find_words(), {{"PLUMBLINE_PAGER", "true"}}).status == 1);  // left at once: no error of ours
}

TEST_CASE("reports are as wide as the terminal, or as COLUMNS says") {
  const auto longest = [](const std::string& text) {
    size_t most = 0;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      if (text.find('/', begin) >= end) most = std::max(most, end - begin);  // a file name is not broken
      begin = end + 1;
    }
    return most;
  };
  const std::map<std::string, std::string> plain{{"NO_COLOR", "1"}, {"PLUMBLINE_NO_PAGER", "1"}};
  CHECK(longest(on_terminal(find_words(), plain, 60).text) <= 61);  // and the carriage return
  CHECK(longest(on_terminal(find_words(), plain, 120).text) > 81);
  std::map<std::string, std::string> narrow = plain;
  narrow["COLUMNS"] = "60";
  CHECK(longest(on_terminal(find_words(), narrow, 120).text) <= 61);
}

TEST_CASE("work of over half a second says how far it is, unless told not to") {
  const std::string model = PLUMBLINE_SOURCE_DIR "/dumps/models/llama-tiny";
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"run",   model, "--backend", "oracle", "--prompt",        std::string(120, 'a'),
                                   "--new", "4",   "--force",   "-o",     scratch("long.h5")};
    words.insert(words.end(), more.begin(), more.end());
    return on_terminal(words);
  };
  const Seen seen = run({});
  INFO(seen.text);
  CHECK(seen.status == 0);
  CHECK(seen.shows("\rrun: "));
  CHECK(seen.shows("of 4, "));
  CHECK_FALSE(run({"--no-progress"}).shows("\rrun: "));
  const Seen found = on_terminal({"find", scratch("long.h5"), scratch("long.h5"), "--no-pager", "-j", "1"});
  INFO(found.text);
  CHECK(found.shows("%"));
  CHECK(found.shows("replaying ops: "));
  CHECK_FALSE(on_terminal({"find", scratch("long.h5"), scratch("long.h5"), "--no-progress", "-j", "1"})
                  .shows("replaying ops: "));
}

TEST_CASE("a variable stands for an option, loses against it, and is named where it is wrong") {
  const std::string all = call(find_words({"-n", "0"})).out, few = call(find_words()).out;
  REQUIRE(all != few);
  {
    const Variable rows("PLUMBLINE_ROWS", "0");
    CHECK(call(find_words()).out == all);
    CHECK(call(find_words({"-n", "10"})).out == few);
    CHECK(call({"explain", "P0201"}).status == 0);  // a verb without that option
  }
  {
    const Variable rows("PLUMBLINE_ROWS", "many");
    const Said said = call(find_words());
    CHECK(said.status == 2);
    CHECK(said.complains("PLUMBLINE_ROWS=many"));
  }
  {
    const Variable flag("PLUMBLINE_JSON", "maybe");
    const Said said = call(find_words());
    CHECK(said.status == 2);
    CHECK(said.complains("PLUMBLINE_JSON"));
  }
  const Variable backend("PLUMBLINE_BACKEND", "none-such");
  const Said run = call({"run", model_directory(), "--prompt", "a", "-o", scratch("never.h5")});
  CHECK(run.status == 2);
  CHECK(run.complains("PLUMBLINE_BACKEND=none-such"));
}

}  // namespace plumbline::test
