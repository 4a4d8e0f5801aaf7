// SPDX-License-Identifier: Apache-2.0
// What the program writes: one place, so that a full disk or a closed pipe is an error and not silence.
#pragma once
#include <filesystem>
#include <string_view>

#include "report/report.h"

namespace plumbline {

/// Writes to standard output, on a terminal through a pager if it is long, and flushes. Throws Error if the text could
/// not be written.
void print(std::string_view text);
/// The same without the pager, whose options were not parsed where --help was found.
void print_straight(std::string_view text);
/// Writes FILE whole or not at all: beside it first, then renamed over it. What is no regular file (a pipe, /dev/null)
/// is written straight. Throws Error naming the file.
void write_file(const std::filesystem::path& file, std::string_view text);
/// Layout for standard output as it is: its width, and colour if it is wanted there.
TextOptions text_options(int rows);
/// Layout for a file: 80 columns, plain.
TextOptions file_text_options(int rows);

}  // namespace plumbline
