// SPDX-License-Identifier: Apache-2.0
// `plumbline ls`: what a trace holds.
#include <fmt/format.h>
#include <plumbline/error.h>
#include <plumbline/trace.h>

#include <memory>

#include "cli/globs.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "core/statistics.h"
#include "report/escape.h"

namespace plumbline {
namespace {

std::string header_text(const Trace& trace) {
  const TraceHeader& header = trace.header();
  std::string out;
  const auto line = [&out](std::string_view key, std::string_view value) {
    if (!value.empty()) out += fmt::format("{:<12} {}\n", key, escaped(value));
  };
  line("file", trace.file().string());
  if (trace.foreign()) line("written by", "other software (no index of ours)");
  line("run", header.run_id);
  line("created", header.created_utc);
  if (!header.producer.empty()) line("producer", header.producer + " " + header.producer_version);
  line("backend", header.backend);
  line("device", header.device);
  line("model", header.model_directory);
  line("architecture", header.architecture);
  for (const char* const key : {"dtype", "cast"})
    if (const auto found = header.environment.find(key); found != header.environment.end()) line(key, found->second);
  line("prompt", header.prompt);
  for (const std::string& fault : header.faults) line("fault", fault);
  if (header.recovered) line("recovered", "yes: from an unfinished file");
  for (const auto& [name, digest] : header.files) line("read", name + "  " + digest);
  for (const Step& step : trace.steps())
    line("step " + std::to_string(step.index),
         fmt::format("{} token(s) from position {}", step.tokens.size(), step.first_position));
  return out;
}

/// The axes; of another tap's statistics (run --taps stats) what they say.
std::string last_column(const Trace& trace, const TapEntry& tap) {
  return holds_statistics(tap.axes, tap.shape) ? statistics_text(trace.read(tap).view())
                                               : escaped(fmt::format("{}", fmt::join(tap.axes, ",")));
}

std::string tap_lines(const Trace& trace, const std::string& glob, size_t& shown) {
  std::string out;
  for (const TapEntry& tap : trace.taps()) {
    if (!glob_matches(glob, tap.path)) continue;
    ++shown;
    out += fmt::format("{:>4} {:<36} {:<5} {:<22} {}\n", tap.step, escaped(tap.path), dtype_name(tap.dtype),
                       to_string(tap.shape), last_column(trace, tap));
  }
  return out;
}

}  // namespace

void add_ls(CLI::App& app, int& status) {
  struct Options {
    std::string file, glob = "*";
    bool brief = false;
  };
  CLI::App* verb = app.add_subcommand("ls", "List what a trace holds");
  auto options = std::make_shared<Options>();
  verb->add_option("FILE", options->file, "Trace")->required();
  verb->add_option("GLOB", options->glob, "Only taps that match");
  verb->add_flag("--brief", options->brief, "Without the list of taps");
  verb->footer("Example:\n  plumbline ls ref.h5 'layer.3.*'");
  verb->callback([options, &status] {
    const Trace trace = Trace::open(options->file);
    std::vector<std::string> paths;
    for (const TapEntry& tap : trace.taps()) paths.push_back(tap.path);
    require_matches("plumbline ls", {options->glob}, paths);
    size_t shown = 0;
    std::string out = header_text(trace);
    const std::string taps = tap_lines(trace, options->glob, shown);
    if (!options->brief)
      out += "step tap" + std::string(34, ' ') + "dtype shape" + std::string(18, ' ') + "axes\n" + taps;
    print(out + fmt::format("{} of {} taps\n", shown, trace.taps().size()));
    status = 0;
  });
}

}  // namespace plumbline
