// SPDX-License-Identifier: Apache-2.0
// Colour for a report on a terminal, laid over the finished text. Invariant: without its escape sequences the painted
// text is the plain text, byte for byte, so no column moves and nothing is said by colour alone.
#pragma once
#include <string>
#include <string_view>

namespace plumbline {

/// Paints verdicts, the heads and margins of diagnostics, carets, and in the grid the cells that ask for attention.
std::string painted(std::string_view text);

}  // namespace plumbline
