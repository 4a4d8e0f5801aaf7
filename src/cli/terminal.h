// SPDX-License-Identifier: Apache-2.0
// What standard output is and how to treat it: colour, width, pager, progress. Invariant: into a file or a pipe goes
// plain text of 80 columns, unless an option or variable says otherwise.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace plumbline {

/// --color, --no-pager and --no-progress, for a verb and the verbs under it.
void add_terminal_options(CLI::App& verb);

/// --color decides; else NO_COLOR (set, not empty: never), then CLICOLOR_FORCE and FORCE_COLOR (set, not 0: always),
/// then CLICOLOR=0 and TERM=dumb (never), then whether standard output is a terminal.
bool colour_wanted();
/// COLUMNS if it is a sensible number, else the terminal's width, else 80.
int columns();
/// Shows the text by a pager if standard output is a terminal with fewer rows than it: PLUMBLINE_PAGER, else PAGER,
/// else less -FRX. False, and nothing written, if there is no need, an empty pager, "cat", --no-pager, or none that
/// starts.
bool paged(std::string_view text);

}  // namespace plumbline
