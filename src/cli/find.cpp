// SPDX-License-Identifier: Apache-2.0
// `plumbline find`: the first op at which a candidate parts from its reference, and the proof.
#include <memory>

#include "cli/compare_options.h"
#include "cli/verbs.h"

namespace plumbline {

void add_find(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("find", "Find the first op at which the candidate parts from the reference");
  auto options = std::make_shared<CompareOptions>();
  add_compare_options(*verb, *options);
  verb->add_flag("--ignore-digests", options->ignore_digests,
                 "Judge by the numbers alone: compare no digest of files or parameters");
  verb->add_flag("--amplification", options->amplification,
                 "Also what each op and layer makes of an error: measured, of noise, and predicted from the weights");
  verb->footer(
      "Every op is replayed in f64 on the inputs each side recorded, so an op's own\n"
      "error is told from what it inherited. Exit status: 0 parity, 1 divergence,\n"
      "2 unusable input, 3 inconclusive.\n\n"
      "Example:\n  plumbline find ref.h5 cand.h5");
  verb->callback([options, &status] {
    const TracePair traces = open_pair(*options);
    status = finish(compare_traces(*options, traces, false), *options);
  });
}

}  // namespace plumbline
