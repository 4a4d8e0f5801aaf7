// SPDX-License-Identifier: Apache-2.0
// `plumbline verify`: are the bytes of a trace those that were written?
#include <fmt/format.h>
#include <plumbline/trace.h>

#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "report/escape.h"

namespace plumbline {

void add_verify(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("verify", "Recompute the digest of every tap of a trace");
  auto file = std::make_shared<std::string>();
  verb->add_option("FILE", *file, "Trace")->required();
  verb->footer("Exit status: 0 sound, 1 damaged, 2 unreadable, 3 nothing to check (a foreign file has no digests).");
  verb->callback([file, &status] {
    const Trace trace = Trace::open(*file);
    int64_t checked = 0;
    for (const TapEntry& tap : trace.taps()) checked += tap.xxh3.empty() ? 0 : 1;
    std::string out;
    const std::vector<std::string> damaged = verify_trace(trace);
    for (const std::string& path : damaged) out += fmt::format("damaged: {}\n", escaped(path));
    print(out + fmt::format("{} of {} taps have a digest, {} damaged\n", checked, trace.taps().size(), damaged.size()));
    status = !damaged.empty() ? 1 : checked == 0 ? 3 : 0;
  });
}

}  // namespace plumbline
