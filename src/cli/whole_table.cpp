// SPDX-License-Identifier: Apache-2.0
// Asks plumbline-run for the rows that this program cannot know.
#include "cli/whole_table.h"

#include <plumbline/error.h>

#include "cli/run_program.h"
#include "cli/verbs.h"

namespace plumbline {
namespace {

VerbRow backend_table(const std::string& verb) {
  std::vector<std::string> arguments = {"--option-table"};
  if (verb != "run") arguments.insert(arguments.begin(), "--" + verb);
  const auto program = run_program();
  const ProgramOutput said = program ? capture(*program, arguments) : ProgramOutput{};
  if (said.status != 0)
    throw InputError("the program plumbline-run does not say its options", {"looked: beside this program"},
                     "build the target plumbline-run, or install both programs together");
  return table_from_json(said.text);
}

}  // namespace

VerbRow whole_table(const CLI::App& app) {
  VerbRow table = option_table(app);
  for (VerbRow& verb : table.verbs) {
    if (!is_backend_verb(verb.name)) continue;
    const std::string name = verb.name, text = verb.text;
    verb = backend_table(name);
    verb.name = name;
    verb.text = text;
  }
  return table;
}

}  // namespace plumbline
