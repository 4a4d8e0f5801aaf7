// SPDX-License-Identifier: Apache-2.0
// Text of any bytes made fit for a terminal, readable scripts kept. Invariant: what is returned is valid UTF-8 without
// control characters (but for newlines where said), whatever went in.
#pragma once
#include <string>
#include <string_view>

namespace plumbline {

/// Control characters (C0, DEL, C1) and bytes that are no UTF-8 as \n, \t, \xNN; everything else as it is.
std::string printable_text(std::string_view text);
/// The same, but newlines stay.
std::string printable_lines(std::string_view text);
/// One printable line in double quotes; quotes and backslashes inside are escaped too.
std::string quoted(const std::string& text);

}  // namespace plumbline
