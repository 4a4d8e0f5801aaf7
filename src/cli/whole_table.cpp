// SPDX-License-Identifier: Apache-2.0
// Asks plumbline-run for the one row that this program cannot know.
#include "cli/whole_table.h"

#include <plumbline/error.h>

#include "cli/run_program.h"

namespace plumbline {
namespace {

VerbRow run_table() {
  const auto program = run_program();
  const ProgramOutput said = program ? capture(*program, {"--option-table"}) : ProgramOutput{};
  if (said.status != 0)
    throw InputError("the program plumbline-run does not say its options", {"looked: beside this program"},
                     "build the target plumbline-run, or install both programs together");
  return table_from_json(said.text);
}

}  // namespace

VerbRow whole_table(const CLI::App& app) {
  VerbRow table = option_table(app);
  for (VerbRow& verb : table.verbs) {
    if (verb.name != "run") continue;
    const std::string text = verb.text;
    verb = run_table();
    verb.name = "run";
    verb.text = text;
  }
  return table;
}

}  // namespace plumbline
