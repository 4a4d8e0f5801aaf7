// SPDX-License-Identifier: Apache-2.0
// Standard output of the program: one place, so that a full disk or a closed pipe is an error and not silence.
#pragma once
#include <string_view>

#include "report/report.h"

namespace plumbline {

/// Writes to standard output and flushes. Throws Error if the text could not be written.
void print(std::string_view text);
/// Layout options from the environment: COLUMNS if it is a sensible number, else 80.
TextOptions text_options(int rows);

}  // namespace plumbline
