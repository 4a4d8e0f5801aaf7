// SPDX-License-Identifier: Apache-2.0
// `plumbline repro`: one op taken out of two traces, to be replayed anywhere.
#include "report/repro.h"

#include <fmt/format.h>

#include <memory>

#include <plumbline/error.h>

#include "cli/compare_options.h"
#include "cli/name_map.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "report/escape.h"

namespace plumbline {
namespace {

namespace fs = std::filesystem;

struct ReproCall {
  CompareOptions compare;
  std::string op, directory;
  std::optional<int64_t> step;
};

/// Nothing that is there already is written over.
void write_new(const fs::path& directory, const std::map<std::string, std::string>& files) {
  std::error_code failed;
  if (fs::exists(fs::symlink_status(directory, failed)))
    throw UsageError("repro: " + directory.string() + " exists", {}, "choose another name, or remove it yourself");
  fs::create_directories(directory, failed);
  if (failed)
    throw Error("repro: cannot make a directory",
                {"directory  " + directory.string(), "reason     " + failed.message()}, "");
  for (const auto& [name, content] : files) write_file(directory / name, content);
  fs::permissions(directory / "replay.py", fs::perms::owner_exec, fs::perm_options::add, failed);
}

}  // namespace

void add_repro(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("repro", "Write one op with its data and a program that replays it");
  auto call = std::make_shared<ReproCall>();
  verb->add_option("REF", call->compare.reference, "Trace of the reference")->required();
  verb->add_option("CAND", call->compare.candidate, "Trace of the candidate")->required();
  verb->add_option("--op", call->op, "Name of the op, as find gives it, or a tap that it yields")->required();
  verb->add_option("--step", call->step, "Step of the candidate (default: where its own error is largest)")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("-o,--output", call->directory, "Directory to make")->required();
  add_model_option(*verb, call->compare.model);
  add_map_option(*verb, call->compare.map);
  verb->footer(
      "Writes the op's inputs, parameters and stored results of both sides, the exact\n"
      "results, and replay.py, which evaluates the op as its contract says and needs\n"
      "numpy alone: something to attach to a bug report. Exit status: 0 written,\n"
      "2 no such op, not recorded, or not to be written.\n\n"
      "Example:\n  plumbline repro ref.h5 cand.h5 --op layer.3.attn.q_rope -o q_rope");
  verb->callback([call, &status] {
    const TracePair traces = open_pair(call->compare);
    const Model model = require_model(call->compare.model, traces);
    const ReproCase made = repro_case(traces.reference, traces.candidate, model, call->op, call->step);
    write_new(call->directory, repro_files(made));
    print(fmt::format("{}: {} of step {}; replay it by: python3 {}\n", escaped(call->directory), escaped(made.op.name),
                      made.candidate.step, escaped((fs::path(call->directory) / "replay.py").string())));
    status = 0;
  });
}

}  // namespace plumbline
