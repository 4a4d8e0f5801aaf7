// SPDX-License-Identifier: Apache-2.0
// `plumbline run`, `generate` and `order`: all of it is done by plumbline-run; here are only their lines in the help.
#include "cli/verbs.h"

namespace plumbline {

void add_run(CLI::App& app) {
  app.add_subcommand("run", "Run a model by a backend and record every op (plumbline run --help)")->prefix_command();
}

void add_generate(CLI::App& app) {
  app.add_subcommand("generate", "Continue a text, or compare two backends along it (plumbline generate --help)")
      ->prefix_command();
}

void add_order(CLI::App& app) {
  app.add_subcommand("order", "Find out in which order a backend adds (plumbline order --help)")->prefix_command();
}

}  // namespace plumbline
