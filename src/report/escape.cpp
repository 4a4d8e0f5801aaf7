// SPDX-License-Identifier: Apache-2.0
// Escaping and line breaking; no knowledge of reports.
#include "report/escape.h"

#include <fmt/format.h>

#include <vector>

namespace plumbline {
namespace {

std::string escape(std::string_view text, bool keep_newlines) {
  std::string out;
  out.reserve(text.size());
  for (const char raw : text) {
    const auto byte = static_cast<unsigned char>(raw);
    if (raw == '\n' && keep_newlines) {
      out += raw;
    } else if (raw == '\n') {
      out += "\\n";
    } else if (raw == '\t') {
      out += "\\t";
    } else if (raw == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte >= 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += raw;
    }
  }
  return out;
}

/// Words as `wrap` sees them: split at blanks outside backquotes.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : text) {
    if (c == '`') quoted = !quoted;
    if (c == ' ' && !quoted) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

}  // namespace

std::string escaped(std::string_view text) { return escape(text, false); }
std::string escaped_lines(std::string_view text) { return escape(text, true); }

std::string wrap(std::string_view text, std::string_view first, std::string_view next, int width) {
  std::string out, line(first);
  bool empty = true;
  for (const std::string& word : words_of(text)) {
    if (!empty && line.size() + 1 + word.size() > static_cast<size_t>(width)) {
      out += line + "\n";
      line = next;
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  return out + line + "\n";
}

}  // namespace plumbline
