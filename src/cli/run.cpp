// SPDX-License-Identifier: Apache-2.0
// `plumbline run`: records a trace. All of it is done by plumbline-run; here is only its line in the help.
#include "cli/verbs.h"

namespace plumbline {

void add_run(CLI::App& app) {
  app.add_subcommand("run", "Run a model by a backend and record every op (plumbline run --help)")->prefix_command();
}

}  // namespace plumbline
