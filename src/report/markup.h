// SPDX-License-Identifier: Apache-2.0
// Text made fit for XML and for Markdown. Invariant: what comes out of a file cannot end an element, begin a tag, a
// table cell, a mention or a link, nor hold a character that XML 1.0 forbids.
#pragma once
#include <string>
#include <string_view>

namespace plumbline {

/// For text and attribute values; bytes outside printable ASCII are shown as \n, \x1b, ... first.
std::string xml_escaped(std::string_view text);
/// The same, but newlines stay.
std::string xml_escaped_lines(std::string_view text);
/// Prose: every character that Markdown or HTML reads as a sign is escaped; spans in backquotes become code.
std::string markdown_escaped(std::string_view text);
/// A name as code, also inside a table.
std::string markdown_code(std::string_view text);

}  // namespace plumbline
