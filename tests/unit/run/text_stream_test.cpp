// SPDX-License-Identifier: Apache-2.0
// Text that comes token by token: whole characters only, nothing twice, nothing lost.
#include "run/text_stream.h"

#include "support/catch.h"

namespace plumbline::run {
namespace {

std::string bytes(const std::vector<int64_t>& ids) { return {ids.begin(), ids.end()}; }

/// As tokenizers of the Metaspace kind: a word's blank is dropped where it starts the text.
std::string words(const std::vector<int64_t>& ids) {
  std::string text;
  for (const int64_t id : ids) text += (text.empty() ? "w" : " w") + std::to_string(id);
  return text;
}

}  // namespace

TEST_CASE("a character waits for its last byte", "[run]") {
  TextStream stream(bytes, {'a'});
  CHECK(stream.add('b') == "b");
  CHECK(stream.add(0xC3).empty());
  CHECK(stream.add(0xA9) == "\xC3\xA9");
  CHECK(stream.add(0xF0).empty());
  CHECK(stream.add(0x9F).empty());
  CHECK(stream.add(0x98).empty());
  CHECK(stream.add(0x80) == "\xF0\x9F\x98\x80");
  CHECK(stream.add(0xE2).empty());
  CHECK(stream.add('c') ==
        "\xE2"
        "c");  // no character after all: the bytes are not kept back for ever
  CHECK(stream.add(0xE2).empty());
  CHECK(stream.finish() == "\xE2");
  CHECK(stream.finish().empty());
  CHECK(stream.text() ==
        "b\xC3\xA9\xF0\x9F\x98\x80\xE2"
        "c\xE2");
}

TEST_CASE("which ends of a text are unfinished", "[run]") {
  struct Row {
    std::string text;
    size_t bytes;
  };
  const Row rows[] = {{"", 0},
                      {"a", 0},
                      {"\xC3\xA9", 0},
                      {"a\xC3", 1},
                      {"\xE2\x82", 2},
                      {"\xF0\x9F\x98", 3},
                      {"\x80\x80\x80\x80", 0},
                      {"\xC3\xA9\xA9", 0},
                      {"\xFF", 0},
                      {"a\xEF\xBF\xBD", 3}};
  for (const Row& row : rows) CHECK(unfinished_bytes(row.text) == row.bytes);
}

TEST_CASE("a token reads as it does after what was given", "[run]") {
  TextStream stream(words, {1, 2});
  CHECK(stream.add(3) == " w3");
  CHECK(stream.add(4) == " w4");
  CHECK(stream.text() == " w3 w4");
}

TEST_CASE("without a tokenizer ids are shown", "[run]") {
  TextStream stream({}, {1});
  CHECK(stream.add(10) == "10");
  CHECK(stream.add(11) == " 11");
  CHECK(stream.finish().empty());
}

}  // namespace plumbline::run
