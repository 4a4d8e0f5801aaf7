// SPDX-License-Identifier: Apache-2.0
// `plumbline recover`: a readable trace out of what a killed run left behind.
#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/trace.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/output.h"
#include "cli/verbs.h"
#include "report/escape.h"

namespace plumbline {
namespace {

/// A folder is not an unfinished file, but it may hold some.
void refuse_folder(const std::string& part) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(part)) return;
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(part, fs::directory_options::skip_permission_denied))
    if (entry.path().extension() == ".part") found.push_back("unfinished  " + entry.path().string());
  std::sort(found.begin(), found.end());
  if (found.empty()) found.push_back("it holds no FILE.part either");
  throw UsageError(fmt::format("plumbline recover: {} is a directory", part), found,
                   "give the unfinished file itself, for example ref.h5.part");
}

}  // namespace

void add_recover(CLI::App& app, int& status) {
  struct Options {
    std::string part, output;
  };
  CLI::App* verb = app.add_subcommand("recover", "Rebuild a trace from FILE.part and its journal");
  auto options = std::make_shared<Options>();
  verb->add_option("PART", options->part, "The unfinished file, for example ref.h5.part")->required();
  verb->add_option("-o,--output", options->output, "Trace to write")->required();
  verb->callback([options, &status] {
    refuse_folder(options->part);
    const int64_t saved = recover_trace(options->part, options->output);
    print(fmt::format("{} tap(s) saved to {}\n", saved, escaped(options->output)));
    status = saved > 0 ? 0 : 3;
  });
}

}  // namespace plumbline
