// SPDX-License-Identifier: Apache-2.0
// Which bytes are UTF-8: the table "Well-Formed UTF-8 Byte Sequences" of the Unicode Standard (3.9, table 3-7).
#include "core/printable.h"

#include <fmt/format.h>

#include <algorithm>

namespace plumbline {
namespace {

/// Sequences that start with a byte in [first, last]: their length, and the range of the second byte. That range is
/// what shuts out overlong forms (E0, F0), surrogates (ED) and code points above U+10FFFF (F4).
struct Form {
  unsigned char first, last;
  size_t length;
  unsigned char second_low, second_high;
};
constexpr Form kForms[] = {{0x00, 0x7F, 1, 0x00, 0x00}, {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
                           {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
                           {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F}};

unsigned char byte_at(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]); }

/// Length of the UTF-8 sequence at the front of `text`, or 0 if there is none (cut off, or bytes that are never UTF-8).
size_t sequence_length(std::string_view text) {
  const unsigned char lead = byte_at(text, 0);
  const auto* const form = std::find_if(std::begin(kForms), std::end(kForms),
                                        [&](const Form& f) { return lead >= f.first && lead <= f.last; });
  if (form == std::end(kForms) || text.size() < form->length) return 0;
  for (size_t i = 1; i < form->length; ++i) {
    const unsigned char low = i == 1 ? form->second_low : 0x80, high = i == 1 ? form->second_high : 0xBF;
    if (byte_at(text, i) < low || byte_at(text, i) > high) return 0;
  }
  return form->length;
}

/// U+0000 to U+001F, U+007F, and U+0080 to U+009F, of which U+009B starts terminal commands just as ESC [ does.
bool is_control(std::string_view sequence) {
  const unsigned char lead = byte_at(sequence, 0);
  return lead < 0x20 || lead == 0x7F || (lead == 0xC2 && byte_at(sequence, 1) < 0xA0);
}

std::string escape(std::string_view text, std::string_view with_backslash, bool keep_newlines) {
  std::string out;
  for (size_t length = 1; !text.empty(); text.remove_prefix(length)) {
    const char c = text.front();
    const size_t sequence = sequence_length(text);
    length = std::max<size_t>(sequence, 1);
    if (c == '\n' && keep_newlines) {
      out += c;
    } else if (c == '\n' || c == '\t') {
      out += c == '\n' ? "\\n" : "\\t";
    } else if (with_backslash.find(c) != std::string_view::npos) {
      out += fmt::format("\\{}", c);
    } else if (sequence == 0 || is_control(text)) {
      for (size_t i = 0; i < length; ++i) out += fmt::format("\\x{:02x}", byte_at(text, i));
    } else {
      out += text.substr(0, length);
    }
  }
  return out;
}

}  // namespace

std::string printable_text(std::string_view text) { return escape(text, "", false); }
std::string printable_lines(std::string_view text) { return escape(text, "", true); }
std::string quoted(const std::string& text) { return "\"" + escape(text, "\"\\", false) + "\""; }

}  // namespace plumbline
