// SPDX-License-Identifier: Apache-2.0
// Text made fit for a terminal: names that come out of files may hold escape sequences, newlines or broken UTF-8.
// Invariant: what these functions return holds printable ASCII only (and newlines where said).
#pragma once
#include <string>
#include <string_view>

namespace plumbline {

/// Every byte outside printable ASCII becomes \n, \t, \x1b, ...; a backslash is left alone.
std::string escaped(std::string_view text);
/// The same, but newlines stay.
std::string escaped_lines(std::string_view text);
/// Breaks `text` at blanks so that no line passes `width` columns if that can be done; a span in backquotes (a command)
/// is never broken. The first line begins with `first`, the others with `next`; every line ends with a newline.
std::string wrap(std::string_view text, std::string_view first, std::string_view next, int width);

}  // namespace plumbline
