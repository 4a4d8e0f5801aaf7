// SPDX-License-Identifier: Apache-2.0
// What the options of this program accept as values, where CLI11's own checks accept more.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>

namespace plumbline::run {

/// An empty text is a value, and a wrong one: a script's variable that was never set.
CLI::Validator not_empty();

/// Decimal digits only: CLI11 by itself would take 010 for eight and 0x10 for sixteen.
CLI::Validator whole_number(int64_t low, int64_t high);

/// Above `above` (or equal to it where `inclusive`) and at most `high`; no NaN, no hexadecimal.
CLI::Validator decimal_number(double above, bool inclusive, double high);

/// More than any model has positions: a check of the spelling, not of the run.
constexpr int64_t kMaxTokens = 1'000'000'000;

/// CLI11 takes the word after an option as its value whatever it is: with "--taps -o a.h5", -o would be the glob and
/// a.h5 the culprit. A value that happens to be spelled like an option can be given as --taps=-o. Throws UsageError,
/// in the name of `verb`.
void refuse_options_as_values(const CLI::App& app, const std::string& verb, int argc, const char* const* argv);

}  // namespace plumbline::run
