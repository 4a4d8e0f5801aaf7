// SPDX-License-Identifier: Apache-2.0
// From a command line to a FindReport. Which checkpoint is the right one is decided by locate (digests); here only
// where to look for it.
#include "cli/compare_options.h"

#include <fmt/format.h>
#include <plumbline/error.h>

#include <filesystem>
#include <optional>

#include "cli/name_map.h"
#include "cli/output.h"
#include "cli/report_outputs.h"
#include "core/parallel.h"
#include "diagnose/diagnose.h"
#include "locate/find.h"
#include "locate/one_buffer.h"

namespace plumbline {
namespace {

constexpr int kMostRows = 1'000'000;

/// The directory that a trace names, if it is there and can be loaded; `why_not` collects the reasons.
std::optional<Model> named_model(const Trace& trace, std::vector<std::string>& why_not) {
  const std::string& directory = trace.header().model_directory;
  if (directory.empty()) {
    why_not.push_back(fmt::format("{}: names no model directory", trace.file().string()));
    return std::nullopt;
  }
  try {
    return load_model(directory);
  } catch (const Error& error) {
    const std::string message = error.what();
    why_not.push_back(
        fmt::format("{}: names {}, but: {}", trace.file().string(), directory, message.substr(0, message.find('\n'))));
    return std::nullopt;
  }
}

/// Where both sides are so, the layers may really hold the same.
void refuse_one_buffer(const TracePair& traces) {
  const std::string left = one_buffer(traces.reference), right = one_buffer(traces.candidate);
  if (left.empty() == right.empty()) return;
  const Trace& trace = left.empty() ? traces.candidate : traces.reference;
  throw TraceError("cannot compare " + trace.file().string() + ": its layers were dumped from one buffer",
                   {left.empty() ? right : left, "the other trace's layers hold different numbers"},
                   "each layer wrote over the one before: copy every tensor as it is made (in a CUDA graph, into a "
                   "buffer of its own), and record the run again");
}

}  // namespace

CLI::Option* add_model_option(CLI::App& verb, std::optional<std::string>& directory) {
  return verb.add_option("--model", directory, "Model directory (default: the one named in the traces)");
}

std::optional<Model> choose_model(const std::optional<std::string>& directory, const TracePair& traces,
                                  std::vector<std::string>& why_not) {
  if (directory && directory->empty())
    throw UsageError("--model names no directory", {"given  ''"},
                     "give the model directory, or leave the option out to use the one named in the traces");
  if (directory) return load_model(*directory);
  for (const Trace* trace : {&traces.reference, &traces.candidate})
    if (std::optional<Model> model = named_model(*trace, why_not)) return model;
  return std::nullopt;
}

Model require_model(const std::optional<std::string>& directory, const TracePair& traces) {
  std::vector<std::string> why_not;
  std::optional<Model> model = choose_model(directory, traces, why_not);
  if (!model) throw InputError(kNoModel, why_not, kGiveModel);
  return std::move(*model);
}

TracePair open_pair(const std::string& reference, const std::string& candidate, int threads) {
  TracePair traces{Trace::open(reference), Trace::open(candidate)};
  for (const Trace* trace : {&traces.reference, &traces.candidate}) require_sound(*trace, threads);
  refuse_one_buffer(traces);
  return traces;
}

void add_compare_options(CLI::App& verb, CompareOptions& options) {
  verb.add_option("REF", options.reference, "Trace of the reference")->required();
  verb.add_option("CAND", options.candidate, "Trace of the candidate")->required();
  add_model_option(verb, options.model);
  add_map_option(verb, options.map);
  verb.add_option("-n,--rows", options.rows,
                  "Rows of the table of inherited errors; 0: all, and every diagnostic at length")
      ->check(CLI::Range(0, kMostRows))
      ->capture_default_str();
  verb.add_option("-j,--threads", options.threads, "Threads (default: all; the result is the same)")
      ->check(CLI::Range(0, kMaxThreads));
  verb.add_option("--format", options.formats,
                  "FORMAT[=FILE], may be given again: " + report_format_names() + " (default: full)")
      ->type_name("FORMAT[=FILE]")
      ->allow_extra_args(false);
  verb.add_flag("--json", options.json, "The same as --format json");
}

void add_values_only(CLI::App& verb, CompareOptions& options) {
  verb.add_flag("--values-only", options.values_only, "Demand equal values instead of judging ops; needs no model")
      ->excludes("--model");
}

TracePair open_pair(const CompareOptions& options) {
  report_outputs(options);  // a wrong --format is said before the work, not after it
  TracePair traces = open_pair(options.reference, options.candidate, options.threads);
  return options.map ? mapped(std::move(traces), *options.map, options.model) : traces;
}

namespace {

FindReport compared(const CompareOptions& options, const TracePair& traces, bool values_suffice) {
  FindOptions find_options;
  find_options.threads = options.threads;
  find_options.amplification = options.amplification;
  find_options.exactness = options.exactness;
  find_options.ignore_digests = options.ignore_digests;
  find_options.taps = {options.select, options.exclude};
  find_options.causes = diagnose;
  if (options.values_only) return compare_values(traces.reference, traces.candidate, find_options);
  std::vector<std::string> why_not;
  const std::optional<Model> model = choose_model(options.model, traces, why_not);
  if (model) return find_divergence(traces.reference, traces.candidate, *model, find_options);
  if (!values_suffice) throw InputError(kNoModel, why_not, kGiveModel);
  FindReport report = compare_values(traces.reference, traces.candidate, find_options);
  for (const std::string& reason : why_not) report.notes.push_back(reason);
  return report;
}

}  // namespace

FindReport compare_traces(const CompareOptions& options, const TracePair& traces, bool values_suffice) {
  FindReport report = compared(options, traces, values_suffice);
  report.findings.insert(report.findings.begin(), traces.warnings.begin(), traces.warnings.end());
  report.notes.insert(report.notes.begin(), traces.notes.begin(), traces.notes.end());
  return report;
}

int finish(const FindReport& report, const CompareOptions& options) {
  const std::vector<ReportOutput> outputs = report_outputs(options);
  for (const ReportOutput& output : outputs) {
    const std::string rendered = render(
        report, output.format, output.file.empty() ? text_options(options.rows) : file_text_options(options.rows));
    if (output.file.empty())
      print(rendered);
    else
      write_file(output.file, rendered);
  }
  return exit_status(report.outcome);
}

}  // namespace plumbline
