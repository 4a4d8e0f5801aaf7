// SPDX-License-Identifier: Apache-2.0
#include "fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <span>
#include <vector>

#include "core/hash.h"

namespace plumbline::test {
namespace {

/// Values that readers stumble over: at the ends of integer types, no numbers, terminal commands, paths out of the
/// folder, text that is no UTF-8.
const std::vector<std::string>& hostile_words() {
  static const std::vector<std::string> words = {"-1",
                                                 "0",
                                                 "1",
                                                 "0.5",
                                                 "-0",
                                                 "1e999",
                                                 "-1e999",
                                                 "1e-400",
                                                 "NaN",
                                                 "Infinity",
                                                 "nan",
                                                 "inf",
                                                 "2147483648",
                                                 "4294967296",
                                                 "9223372036854775807",
                                                 "9223372036854775808",
                                                 "-9223372036854775808",
                                                 "18446744073709551615",
                                                 "18446744073709551616",
                                                 "4611686018427387904",
                                                 "null",
                                                 "true",
                                                 "[]",
                                                 "{}",
                                                 "[[]]",
                                                 "\"\"",
                                                 "\"\\u001b[31m\"",
                                                 "\"\x1b]0;x\x07\"",
                                                 "\"a\\nb\"",
                                                 "\"\\u0000\"",
                                                 "\"\\ud800\"",
                                                 "\"\\u009b31m\"",
                                                 "\"\xc2\x9b"
                                                 "31m\"",
                                                 "\"../../x.safetensors\"",
                                                 "\"\xff\xfe\"",
                                                 "1979-05-27",
                                                 "\"" + std::string(300, 'A') + "\"",
                                                 "{\"a\":1,\"a\":2}",
                                                 "\"BF16\"",
                                                 "\"F64\"",
                                                 "*",
                                                 ",",
                                                 ":",
                                                 "="};
  return words;
}

constexpr std::array<uint64_t, 14> kHostileNumbers = {0,
                                                      1,
                                                      7,
                                                      8,
                                                      255,
                                                      65535,
                                                      0x7FFFFFFF,
                                                      0x80000000,
                                                      0xFFFFFFFF,
                                                      uint64_t{1} << 40,
                                                      uint64_t{1} << 62,
                                                      0x7FFFFFFFFFFFFFFF,
                                                      0x8000000000000000,
                                                      0xFFFFFFFFFFFFFFFF};

size_t below(SplitMix64& random, size_t limit) { return limit == 0 ? 0 : random.next() % limit; }

struct Stretch {
  size_t begin, end;
};

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-' || c == '+';
}

/// The word or quoted text at or after `from`.
Stretch word_at(std::string_view text, size_t from) {
  size_t begin = from;
  while (begin < text.size() && !is_word(text[begin]) && text[begin] != '"') ++begin;
  if (begin < text.size() && text[begin] == '"')
    return {begin, std::min(text.find('"', begin + 1), text.size() - 1) + 1};
  size_t end = begin;
  while (end < text.size() && is_word(text[end])) ++end;
  return {begin, end};
}

/// From `from` to the next comma or end of line: a member, an element, a setting.
Stretch member_at(std::string_view text, size_t from) {
  return {from, std::min(text.find_first_of(",\n", from), text.size())};
}

void change_byte(std::string& bytes, size_t place, SplitMix64& random) {
  if (place >= bytes.size()) return;
  const auto value = static_cast<unsigned char>(bytes[place]);
  const bool flip = random.next() % 2 == 0;
  bytes[place] = static_cast<char>(flip ? value ^ (1u << (random.next() % 8)) : random.next() % 256);
}

void edit_text(std::string& text, SplitMix64& random) {
  const std::vector<std::string>& words = hostile_words();
  const size_t place = below(random, text.size());
  const std::string& word = words[below(random, words.size())];
  switch (random.next() % 8) {
    case 0: change_byte(text, place, random); break;
    case 1: text.insert(place, word); break;
    case 2: text.insert(place, std::string(1 + below(random, 200), random.next() % 2 == 0 ? '[' : '{')); break;
    case 3: {
      const Stretch member = member_at(text, place);
      text.erase(member.begin, member.end - member.begin);
      break;
    }
    case 4: {  // a key twice, an element more
      const Stretch word_there = word_at(text, place), member = member_at(text, word_there.begin);
      const std::string copy = text.substr(member.begin, member.end - member.begin);
      const char between = member.end < text.size() ? text[member.end] : ',';
      text.insert(member.begin, copy + between);
      break;
    }
    default: {
      const Stretch there = word_at(text, place);
      text.replace(there.begin, there.end - there.begin, word);
    }
  }
}

void put_number(std::string& bytes, size_t place, SplitMix64& random) {
  const uint64_t value = kHostileNumbers[below(random, kHostileNumbers.size())];
  const size_t width = size_t{1} << below(random, 4);
  if (place < bytes.size()) std::memcpy(bytes.data() + place, &value, std::min(width, bytes.size() - place));
}

void edit_binary(std::string& bytes, SplitMix64& random) {
  size_t place = below(random, bytes.size());
  for (int tries = 0; tries < 64 && place < bytes.size() && bytes[place] == 0; ++tries)
    place = below(random, bytes.size());
  if (random.next() % 2 == 0) return change_byte(bytes, place, random);
  put_number(bytes, place, random);
}

uint64_t number_at(std::string_view bytes, size_t place) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + place, sizeof value);
  return value;
}

void set_number(std::string& bytes, size_t place, uint64_t value) {
  std::memcpy(bytes.data() + place, &value, sizeof value);
}

void edit_safetensors(std::string& bytes, SplitMix64& random) {
  if (bytes.size() < 8 || random.next() % 8 == 0) return put_number(bytes, below(random, 8), random);
  const size_t length = std::min<size_t>(number_at(bytes, 0), bytes.size() - 8);
  std::string header = bytes.substr(8, length);
  edit_text(header, random);
  const bool mend = random.next() % 4 != 0;
  if (mend) set_number(bytes, 0, header.size());
  bytes.replace(8, length, header);
}

/// u32 magic, u32 kind, u64 body bytes, body, u64 digest of all before it.
constexpr size_t kPrefixBytes = 16, kDigestBytes = 8;

std::vector<Stretch> records(std::string_view bytes) {
  std::vector<Stretch> found;
  for (size_t at = 0; at + kPrefixBytes + kDigestBytes <= bytes.size();) {
    const uint64_t body = number_at(bytes, at + 8);
    if (body > bytes.size() - at - kPrefixBytes - kDigestBytes) break;
    found.push_back({at, at + kPrefixBytes + body + kDigestBytes});
    at = found.back().end;
  }
  return found;
}

void mend_digest(std::string& bytes, Stretch record) {
  const size_t covered = record.end - record.begin - kDigestBytes;
  set_number(bytes, record.end - kDigestBytes,
             xxh3_64(std::as_bytes(std::span<const char>(bytes.data() + record.begin, covered))));
}

/// A number of the body, a byte of it, or a whole record once more; the digest made to fit three times out of four.
void edit_journal(std::string& bytes, SplitMix64& random) {
  const std::vector<Stretch> all = records(bytes);
  if (all.empty()) return edit_binary(bytes, random);
  const Stretch record = all[below(random, all.size())];
  const size_t body = record.end - record.begin - kPrefixBytes - kDigestBytes;
  const size_t place = record.begin + kPrefixBytes + below(random, body);
  const uint64_t choice = random.next() % 8;
  if (choice == 0) {
    bytes.insert(record.begin, bytes.substr(record.begin, record.end - record.begin));
    return;
  }
  if (choice == 1) return edit_binary(bytes, random);
  const auto room = static_cast<std::ptrdiff_t>(record.end - kDigestBytes - place);
  if (choice < 4) {
    change_byte(bytes, place, random);
  } else if (room >= 8) {
    set_number(bytes, place, kHostileNumbers[below(random, kHostileNumbers.size())]);
  }
  if (random.next() % 4 != 0) mend_digest(bytes, record);
}

}  // namespace

std::string mutate(std::string_view bytes, Form form, SplitMix64& random) {
  std::string mutant(bytes);
  if (random.next() % 8 == 0) return mutant.substr(0, below(random, mutant.size()));
  const uint64_t edits = 1 + random.next() % 3;
  for (uint64_t i = 0; i < edits; ++i) {
    switch (form) {
      case Form::text: edit_text(mutant, random); break;
      case Form::safetensors: edit_safetensors(mutant, random); break;
      case Form::journal: edit_journal(mutant, random); break;
      case Form::binary: edit_binary(mutant, random); break;
    }
  }
  return mutant;
}

}  // namespace plumbline::test
