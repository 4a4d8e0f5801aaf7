// SPDX-License-Identifier: Apache-2.0
// What find, diff and gate share: their options, the choice of the model directory, and the printing of a report.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include <plumbline/find.h>

namespace plumbline {

struct CompareOptions {
  std::string reference, candidate, model;
  int rows = 10;
  int threads = 0;
  bool json = false;
};

void add_compare_options(CLI::App& verb, CompareOptions& options);
/// Opens both traces, holds every payload against its digest, loads the model (--model, else the directory named in a
/// trace) and compares. `values_suffice`: without a usable model compare values only instead of throwing InputError.
FindReport compare_traces(const CompareOptions& options, bool values_suffice);
/// Prints the report and returns its exit status.
int finish(const FindReport& report, const CompareOptions& options);

}  // namespace plumbline
