// SPDX-License-Identifier: Apache-2.0
// What find, diff and gate share: their options, the choice of the model directory, and the printing of a report.
#pragma once
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/model.h>
#include <plumbline/trace.h>

namespace plumbline {

struct CompareOptions {
  std::string reference, candidate;
  std::optional<std::string> model;
  std::optional<std::string> map;  ///< file or preset that translates names
  int rows = 10;
  int threads = 0;
  bool values_only = false;                  ///< subtract values and replay nothing, whether or not there is a model
  bool amplification = false;                ///< also predict and measure gains
  bool exactness = false;                    ///< also measure both sides against exact arithmetic
  bool ignore_digests = false;               ///< compare no files and parameters by digest
  std::vector<std::string> select, exclude;  ///< globs of taps; without a value all
  bool json = false;                         ///< --format json
  std::vector<std::string> formats;          ///< FORMAT or FORMAT=FILE, as spelled
};

struct TracePair {
  Trace reference, candidate;
  std::vector<Finding> warnings = {};   ///< what the report has to say of how they were read
  std::vector<std::string> notes = {};  ///< the same, in passing
};

/// What is said where ops cannot be replayed, and the way out.
inline constexpr const char* kNoModel = "no model to replay the ops with";
inline constexpr const char* kGiveModel =
    "give its directory: --model DIR; without one `plumbline diff REF CAND --values-only` compares the values alone";

void add_compare_options(CLI::App& verb, CompareOptions& options);
/// --values-only; call after add_compare_options.
void add_values_only(CLI::App& verb, CompareOptions& options);
/// --model, for verbs that take nothing else of a comparison.
CLI::Option* add_model_option(CLI::App& verb, std::optional<std::string>& directory);
/// Opens both traces and holds every payload against its digest. Throws TraceError.
TracePair open_pair(const std::string& reference, const std::string& candidate, int threads = 0);
/// The same for a verb with all the options of a comparison; throws UsageError first if its formats are wrong.
TracePair open_pair(const CompareOptions& options);
/// The model in `directory`, or if none is given in the directory that a trace names; nullopt if neither names one that
/// can be loaded (`why_not` then says why). Throws UsageError for an empty name, CheckpointError for a bad directory.
std::optional<Model> choose_model(const std::optional<std::string>& directory, const TracePair& traces,
                                  std::vector<std::string>& why_not);
/// The same for a verb that can do nothing without one. Throws InputError instead of nullopt.
Model require_model(const std::optional<std::string>& directory, const TracePair& traces);
/// Chooses the model and compares. `values_suffice`: without a usable model compare values only instead of throwing
/// InputError.
FindReport compare_traces(const CompareOptions& options, const TracePair& traces, bool values_suffice);
/// Writes the report in every format asked for and returns its exit status. Standard output carries `full` unless
/// another format is asked for there. Throws UsageError where two of them cannot share a stream.
int finish(const FindReport& report, const CompareOptions& options);

}  // namespace plumbline
