// SPDX-License-Identifier: Apache-2.0
// Completions and the manual page hold every verb and option of the programs, and a shell can use them.
#include <cctype>
#include <regex>
#include <set>

#include "cli/program.h"
#include "support/catch.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

/// Long options that a help text lists.
std::set<std::string> options_in(const std::string& help) {
  static const std::regex kOption("(?:^|[ ,\n])(--[a-z][a-z-]+)");
  std::set<std::string> options;
  const std::string listed = help.substr(std::min(help.find("Options:"), help.size()));
  for (std::sregex_iterator at(listed.begin(), listed.end(), kOption), end; at != end; ++at) options.insert((*at)[1]);
  options.erase("--help");
  return options;
}

const std::vector<std::string> kVerbs = {
    "run",    "find",   "diff",      "gate",     "policy",      "show",   "tokens",     "ls",      "faults",
    "doctor", "verify", "recover",   "explain",  "completions", "man",    "make-model", "noise",   "blame",
    "repro",  "order",  "contracts", "observer", "bounds",      "import", "audit",      "generate"};

/// What bash offers after these words.
std::string offered(const std::vector<std::string>& words) {
  std::string script = "source " + scratch("completions.bash") + "; COMP_WORDS=(";
  for (const std::string& word : words) script += "'" + word + "' ";
  script += "); COMP_CWORD=" + std::to_string(words.size() - 1) + "; _plumbline; echo \" ${COMPREPLY[*]} \"";
  write_file(scratch("complete.sh"), script + "\n");
  const Said said = run_program("/bin/bash", {scratch("complete.sh")});
  INFO(said.err);
  CHECK(said.status == 0);
  return said.out;
}

}  // namespace

TEST_CASE("the manual page names every verb and every option that a help text lists") {
  const Said man = call({"man"});
  REQUIRE(man.status == 0);
  const std::string page = std::regex_replace(man.out, std::regex("\\\\-"), "-");
  for (const std::string& verb : kVerbs) {
    INFO(verb);
    CHECK(page.find(".SS " + verb + "\n") != std::string::npos);
    const std::set<std::string> options = options_in(call({verb, "--help"}).out);
    for (const std::string& option : options) {
      INFO(option);
      CHECK(page.find("\\fB" + option + "\\fR") != std::string::npos);
    }
  }
  CHECK(options_in(call({"run", "--help"}).out).size() > 10);
  CHECK(page.find("P0201") != std::string::npos);
  static const std::regex kMacro("\n(\\.[A-Za-z]+)");
  const std::set<std::string> known = {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi"};
  for (std::sregex_iterator at(page.begin(), page.end(), kMacro), end; at != end; ++at) {
    INFO((*at)[1]);
    CHECK(known.contains((*at)[1]));
  }
}

TEST_CASE("bash completes verbs, options, values and the verbs under a verb") {
  write_file(scratch("completions.bash"), call({"completions", "bash"}).out);
  struct Row {
    std::vector<std::string> words;
    std::string offers, not_offers;
  };
  const Row rows[] = {
      {{"plumbline", ""}, " find ", " --rows "},
      {{"plumbline", "fi"}, " find ", " diff "},
      {{"plumbline", "find", "--f"}, " --format ", " --rows "},
      {{"plumbline", "find", "--"}, " --rows ", " --backend "},
      {{"plumbline", "find", "--color", ""}, " always ", " --rows "},
      {{"plumbline", "run", "--backend", ""}, " twin ", " cpu "},
      {{"plumbline", "run", "m", "--device", "c"}, " cuda ", " twin "},
      {{"plumbline", "run", "m", "--fau"}, " --fault ", " --force "},
      {{"plumbline", "policy", ""}, " waivers ", " --today "},
      {{"plumbline", "import", "gguf", "--d"}, " --dtype ", " --no-tokenizer "},
      {{"plumbline", "policy", "check", "--t"}, " --today ", " check "},
      {{"plumbline", "completions", "z"}, " zsh ", " bash "},
  };
  for (const Row& row : rows) {
    const std::string offer = offered(row.words);
    INFO(row.words.back() << ": " << offer);
    CHECK(offer.find(row.offers) != std::string::npos);
    CHECK(offer.find(row.not_offers) == std::string::npos);
  }
}

TEST_CASE("zsh's and fish's completions hold every verb and every option of run") {
  for (const std::string shell : {"zsh", "fish"}) {
    const Said said = call({"completions", shell});
    REQUIRE(said.status == 0);
    for (const std::string& verb : kVerbs) {
      INFO(shell << " " << verb);
      CHECK(said.says(shell == "zsh" ? "'" + verb + ":" : "-a " + verb + " -d "));
    }
    for (const std::string& option : options_in(call({"run", "--help"}).out)) {
      INFO(shell << " " << option);
      CHECK(said.says(shell == "zsh" ? option + "[" : " -l " + option.substr(2)));
    }
  }
  CHECK(call({"completions", "tcsh"}).status == 2);
  CHECK(call({"completions"}).status == 2);
}

}  // namespace plumbline::test
