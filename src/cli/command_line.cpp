// SPDX-License-Identifier: Apache-2.0
// Which verb is called, and which variables it listens to.
#include "cli/command_line.h"

#include <plumbline/error.h>

#include <algorithm>
#include <cctype>

#include "options/environment.h"

namespace plumbline {
namespace {

std::vector<std::string> verbs_of(const VerbRow& table) {
  std::vector<std::string> verbs;
  for (const VerbRow& verb : table.verbs) verbs.push_back(verb.name);
  return verbs;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The parser would only say that a verb is missing, of a verb as of an option that does not exist.
void refuse_unknown_first(const CLI::App& app, const VerbRow& table, const std::string& first) {
  constexpr const char* kHelp = "see: plumbline --help";
  if (first.empty()) throw UsageError("the verb is empty", {"given  ''"}, kHelp);
  if (first.front() == '-') {
    if (app.get_option_no_throw(first) != nullptr) return;
    throw UsageError("no option '" + first + "' before the verb", {}, kHelp);
  }
  const std::vector<std::string> known = verbs_of(table);
  if (std::find(known.begin(), known.end(), first) != known.end()) return;
  const std::vector<std::string> near = near_misses(lower(first), known, 1);
  throw UsageError("no verb '" + first + "'", {},
                   (near.empty() ? "" : "did you mean '" + near.front() + "'? ") + std::string(kHelp));
}

const VerbRow* find_verb(const VerbRow& table, const std::string& name) {
  const auto found =
      std::find_if(table.verbs.begin(), table.verbs.end(), [&](const VerbRow& verb) { return verb.name == name; });
  return found == table.verbs.end() ? nullptr : &*found;
}

}  // namespace

CommandLine command_line(const CLI::App& app, int argc, char** argv) {
  const VerbRow table = option_table(app);
  CommandLine line{{argv + std::min(argc, 1), argv + argc}, {}};
  if (line.words.empty()) return line;
  refuse_unknown_first(app, table, line.words.front());
  const VerbRow* verb = &table;
  size_t depth = 0;
  while (depth < line.words.size()) {
    const VerbRow* next = find_verb(*verb, line.words[depth]);
    if (next == nullptr) break;
    verb = next;
    ++depth;
  }
  const auto place = line.words.begin() + static_cast<std::ptrdiff_t>(depth);
  if (verb == &table) return line;
  const EnvironmentTwins twins = environment_twins(*verb, {place, line.words.end()});
  line.words.insert(place, twins.arguments.begin(), twins.arguments.end());
  line.twins = twins.used;
  return line;
}

}  // namespace plumbline
