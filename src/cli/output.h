// SPDX-License-Identifier: Apache-2.0
// What the program writes: one place, so that a full disk or a closed pipe is an error and not silence.
#pragma once
#include <filesystem>
#include <string_view>

#include "report/report.h"

namespace plumbline {

/// Writes to standard output and flushes. Throws Error if the text could not be written.
void print(std::string_view text);
/// Writes FILE whole or not at all: beside it first, then renamed over it. What is no regular file (a pipe, /dev/null)
/// is written straight. Throws Error naming the file.
void write_file(const std::filesystem::path& file, std::string_view text);
/// Layout options from the environment: COLUMNS if it is a sensible number, else 80.
TextOptions text_options(int rows);

}  // namespace plumbline
