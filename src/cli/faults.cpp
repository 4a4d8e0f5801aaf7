// SPDX-License-Identifier: Apache-2.0
// `plumbline faults`: the deliberate defects that a run can be given.
#include <fmt/format.h>
#include <plumbline/model.h>

#include "cli/output.h"
#include "cli/verbs.h"
#include "report/escape.h"

namespace plumbline {

void add_faults(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("faults", "List the defects that `run --fault` can plant");
  verb->footer(
      "Example:\n  plumbline run MODEL --backend twin --fault rope.theta=1e4@layer.3 --prompt Hello -o bad.h5");
  verb->callback([&status] {
    std::string out;
    for (const FaultInfo& fault : fault_catalogue()) {
      std::string name = fault.name;
      if (!fault.value.empty()) name += "=VALUE";
      name += "@" + fault.default_site;
      out += name + "\n" + wrap(fault.effect, "    ", "    ", text_options(0).width);
      if (!fault.value.empty()) out += wrap("VALUE: " + fault.value, "    ", "    ", text_options(0).width);
    }
    print(out);
    status = 0;
  });
}

}  // namespace plumbline
