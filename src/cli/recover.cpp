// SPDX-License-Identifier: Apache-2.0
// `plumbline recover`: a readable trace out of what a killed run left behind.
#include <fmt/format.h>
#include <plumbline/trace.h>

#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "report/escape.h"

namespace plumbline {

void add_recover(CLI::App& app, int& status) {
  struct Options {
    std::string part, output;
  };
  CLI::App* verb = app.add_subcommand("recover", "Rebuild a trace from FILE.part and its journal");
  auto options = std::make_shared<Options>();
  verb->add_option("PART", options->part, "The unfinished file, for example ref.h5.part")->required();
  verb->add_option("-o,--output", options->output, "Trace to write")->required();
  verb->callback([options, &status] {
    const int64_t saved = recover_trace(options->part, options->output);
    print(fmt::format("{} tap(s) saved to {}\n", saved, escaped(options->output)));
    status = saved > 0 ? 0 : 3;
  });
}

}  // namespace plumbline
