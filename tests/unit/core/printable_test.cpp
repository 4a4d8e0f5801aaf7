// SPDX-License-Identifier: Apache-2.0
// Text that a broken model prints must not disturb the terminal that shows it.
#include "core/printable.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "support/catch.h"

using namespace plumbline;

TEST_CASE("quoted text is one printable line of valid UTF-8") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"plain", "\"plain\""},
      {"a\nb\tc", R"("a\nb\tc")"},
      {"say \"x\\y\"", R"("say \"x\\y\"")"},
      {"\x1b[31m", R"("\x1b[31m")"},
      {"\xC3\xA9", "\"\xC3\xA9\""},     // e with acute accent
      {"\xC3", R"("\xc3")"},            // cut off
      {"\xFF\x80z", R"("\xff\x80z")"},  // never UTF-8
      {"\xF0\x9F\x99\x82", "\"\xF0\x9F\x99\x82\""},
      {"\xC0\xAF", R"("\xc0\xaf")"},  // overlong, of each length
      {"\xE0\x80\xAF", R"("\xe0\x80\xaf")"},
      {"\xF0\x80\x80\xAF", R"("\xf0\x80\x80\xaf")"},
      {"a\xED\xA0\x80z", R"("a\xed\xa0\x80z")"},                     // a surrogate
      {"\xF4\x90\x80\x80", R"("\xf4\x90\x80\x80")"},                 // above U+10FFFF
      {"\xF4\x8F\xBF\xBF", "\"\xF4\x8F\xBF\xBF\""},                  // U+10FFFF itself
      {"\xED\x9F\xBF\xEE\x80\x80", "\"\xED\x9F\xBF\xEE\x80\x80\""},  // the neighbours of the surrogates
      {"\xE2\x82", R"("\xe2\x82")"},                                 // cut off in the middle
      {"\xE2\x82z", R"("\xe2\x82z")"},
      {"\xC2\x9B", R"("\xc2\x9b")"},  // U+009B, the one-character form of ESC [
      {"\x7F", R"("\x7f")"},
  }));
  CHECK(quoted(text) == expected);
}

TEST_CASE("random bytes become valid UTF-8 without control characters") {
  std::mt19937 random(4);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    // Every other byte from the half that starts and continues sequences: nearly valid text is the hard kind.
    for (int i = 0; i < 24; ++i) text += static_cast<char>(random() % 256 | (random() % 2 << 7));
    const std::string shown = plumbline::quoted(text);
    CAPTURE(shown);
    // nlohmann's writer validates strictly and is independent code.
    CHECK_NOTHROW(nlohmann::json(shown).dump());
    CHECK(std::all_of(shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20; }));
  }
  CHECK(printable_lines("a\nb\x1b\xFF\\") == "a\nb\\x1b\\xff\\");
  CHECK(printable_text("a\nb") == "a\\nb");
}
