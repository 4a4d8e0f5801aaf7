// SPDX-License-Identifier: Apache-2.0
// Findings that the state before a change had already, read from its report: a change is not blamed for them.
// Invariant: this adds words, never a milder outcome; what is red stays red until it is mended or waived.
#pragma once
#include <filesystem>

#include <plumbline/find.h>

namespace plumbline {

/// Marks every error of `report` that the JSON report in `file` has too (the same code at the same op, and an own error
/// of at most 1.5 times as many bounds), and counts both kinds in a note and, where something diverges, the headline.
/// Throws InputError if the file is no such report.
void mark_earlier(FindReport& report, const std::filesystem::path& file);

}  // namespace plumbline
