// SPDX-License-Identifier: Apache-2.0
// Escaping by table.
#include "report/markup.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/escape.h"

namespace plumbline {
namespace {

std::string entities(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&apos;"; break;
      default: out += c;
    }
  }
  return out;
}

/// As numbers: an entity is never read as a sign of Markdown, not even inside a table.
std::string numbered(std::string_view text, std::string_view signs) {
  std::string out;
  for (const char c : text)
    out += signs.find(c) == std::string_view::npos ? std::string(1, c) : fmt::format("&#{};", static_cast<int>(c));
  return out;
}

constexpr std::string_view kSigns = "&<>\"'|`*_[]\\~@#!:";

}  // namespace

std::string xml_escaped(std::string_view text) { return entities(escaped(text)); }
std::string xml_escaped_lines(std::string_view text) { return entities(escaped_lines(text)); }

std::string markdown_code(std::string_view text) { return "<code>" + numbered(escaped(text), kSigns) + "</code>"; }

std::string markdown_escaped(std::string_view raw) {
  const std::string text = escaped(raw);
  const bool paired = std::count(text.begin(), text.end(), '`') % 2 == 0;
  std::string out;
  for (size_t begin = 0; begin < text.size();) {
    const size_t open = paired ? text.find('`', begin) : std::string::npos;
    // ':' starts a link only in "http:", which prose of ours never holds outside names in backquotes.
    out += numbered(text.substr(begin, open == std::string::npos ? open : open - begin), "&<>|`*_[]\\~@#");
    if (open == std::string::npos) break;
    const size_t close = text.find('`', open + 1);
    out += markdown_code(text.substr(open + 1, close - open - 1));
    begin = close + 1;
  }
  return out;
}

}  // namespace plumbline
