// SPDX-License-Identifier: Apache-2.0
#include "model/gguf.h"

#include <functional>

#include <plumbline/error.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/raw_gguf.h"
#include "support/temp_directory.h"

namespace plumbline {
namespace {

using test::raw;
using test::raw_text;
using test::RawGguf;

/// Two tensors, of 2 x 32 weights in Q8_0 and of 3 in F32, and a pair of every kind.
RawGguf sound() {
  RawGguf file;
  file.set("u8", raw(uint32_t{0}) + raw(uint8_t{200}));
  file.set("i8", raw(uint32_t{1}) + raw(int8_t{-7}));
  file.set("u16", raw(uint32_t{2}) + raw(uint16_t{60000}));
  file.set("i16", raw(uint32_t{3}) + raw(int16_t{-300}));
  file.set("u32", test::gguf_u32(4000000000U));
  file.set("i32", raw(uint32_t{5}) + raw(int32_t{-70000}));
  file.set("f32", test::gguf_f32(1e-5F));
  file.set("bool", test::gguf_bool(true));
  file.set("text", test::gguf_text("a\0b" + std::string(1, '\0')));
  file.set("u64", raw(uint32_t{10}) + raw(uint64_t{1} << 40));
  file.set("i64", raw(uint32_t{11}) + raw(int64_t{-1} * (int64_t{1} << 40)));
  file.set("f64", raw(uint32_t{12}) + raw(2.5));
  file.set("texts", test::gguf_texts({"one", "", "three"}));
  file.set("numbers", test::gguf_list(5, 2, raw(int32_t{1}) + raw(int32_t{-1})));
  file.set("lists", test::gguf_list(9, 2,
                                    raw(uint32_t{8}) + raw(uint64_t{1}) + raw_text("x") + raw(uint32_t{0}) +
                                        raw(uint64_t{3}) + "abc"));
  file.tensors.push_back({"a", test::kQ8_0, {32, 2}, std::string(68, 'q')});
  file.tensors.push_back({"b", test::kF32, {3}, raw(1.0F) + raw(-2.0F) + raw(0.5F)});
  return file;
}

/// What is said of these bytes.
std::string refused(const std::string& bytes) {
  const test::TempDirectory directory;
  test::write_file(directory / "m.gguf", bytes);
  return test::error_text<CheckpointError>([&] { GgufFile::open(directory / "m.gguf"); });
}

GgufFile opened(const test::TempDirectory& directory, const RawGguf& file) {
  test::write_file(directory / "m.gguf", test::gguf_bytes(file));
  return GgufFile::open(directory / "m.gguf");
}

}  // namespace

TEST_CASE("values of every kind and tensors of both orders of axes come back") {
  for (const uint32_t version : {2U, 3U}) {
    const test::TempDirectory directory;
    RawGguf written = sound();
    written.version = version;
    const GgufFile file = opened(directory, written);
    CHECK(file.version() == version);
    REQUIRE(file.pairs().size() == 15);
    const std::pair<const char*, int64_t> integers[] = {{"u8", 200},        {"i8", -7},           {"u16", 60000},
                                                        {"i16", -300},      {"u32", 4000000000},  {"i32", -70000},
                                                        {"u64", 1LL << 40}, {"i64", -(1LL << 40)}};
    for (const auto& [key, expected] : integers) {
      int64_t value = 0;
      INFO(key);
      REQUIRE(gguf_integer(*file.find(key), value));
      CHECK(value == expected);
    }
    int64_t none = 0;
    for (const char* key : {"f32", "bool", "text", "texts"}) CHECK_FALSE(gguf_integer(*file.find(key), none));
    CHECK(file.find("texts")->element == GgufKind::text);
    CHECK(gguf_texts(*file.find("texts")) == std::vector<std::string_view>{"one", "", "three"});
    CHECK(file.find("lists")->count == 2);
    CHECK(file.find("absent") == nullptr);
    REQUIRE(file.tensors().size() == 2);
    const GgufTensor* a = file.find_tensor("a");
    CHECK(a->shape == Shape{2, 32});
    CHECK(std::string(a->type->name) == "Q8_0");
    CHECK(a->data.size() == 68);
    CHECK(static_cast<char>(a->data.front()) == 'q');
    CHECK(file.find_tensor("b")->data.size() == 12);
    CHECK(file.find_tensor("c") == nullptr);
  }
}

TEST_CASE("another alignment is followed, the last padding may be missing") {
  const test::TempDirectory directory;
  RawGguf written = sound();
  written.alignment = 128;
  written.set("general.alignment", test::gguf_u32(128));
  CHECK(opened(directory, written).find_tensor("b")->data.size() == 12);
  std::string bytes = test::gguf_bytes(sound());
  test::write_file(directory / "short.gguf", bytes.substr(0, bytes.size() - 20));
  CHECK(GgufFile::open(directory / "short.gguf").tensors().size() == 2);
}

TEST_CASE("a damaged or hostile file is refused with the place and both values") {
  struct Row {
    std::string what;
    std::string bytes;
    std::vector<std::string> parts;
  };
  const auto changed = [](const std::function<void(RawGguf&)>& change) {
    RawGguf file = sound();
    change(file);
    return test::gguf_bytes(file);
  };
  const std::string whole = test::gguf_bytes(sound());
  const auto turned = whole.substr(0, 4) + std::string("\0\0\0\3", 4) + whole.substr(8);
  const auto tensor = [&](const std::function<void(test::RawGgufTensor&)>& change) {
    return changed([&](RawGguf& file) { change(file.tensors.front()); });
  };
  const std::vector<Row> rows = {
      {"empty", "", {"truncated", "needed  4 bytes of the magic", "left    0 bytes"}},
      {"magic", "GGML" + whole.substr(4), {"it is none", "begins  GGML"}},
      {"version 1", changed([](RawGguf& f) { f.version = 1; }), {"version 1", "known   2, 3"}},
      {"version 4", changed([](RawGguf& f) { f.version = 4; }), {"version 4"}},
      {"big endian", turned, {"big endian", "version 3", "little endian"}},
      {"many pairs",
       changed([](RawGguf& f) { f.declared_pairs = uint64_t{1} << 60; }),
       {"too many key/value pairs", "limit   16384"}},
      {"many tensors", changed([](RawGguf& f) { f.declared_tensors = 16385; }), {"too many tensors", "16385"}},
      {"more pairs than there are", changed([](RawGguf& f) { f.declared_pairs = 16000; }), {"file"}},
      {"cut in a key", whole.substr(0, 40), {"truncated"}},
      {"cut in the data",
       whole.substr(0, whole.size() - 33),
       {"a tensor lies outside the file", "tensor  b", "12 bytes"}},
      {"a long key",
       changed([](RawGguf& f) { f.set(std::string(65536, 'k'), raw(uint32_t{7}) + "\1"); }),
       {"a key is too long", "limit   65535 bytes"}},
      {"long text",
       changed([](RawGguf& f) { f.set("text", raw(uint32_t{8}) + raw(uint64_t{1} << 50)); }),
       {"truncated", "needed  1125899906842624 bytes"}},
      {"unknown kind",
       changed([](RawGguf& f) { f.set("u8", raw(uint32_t{13}) + "x"); }),
       {"type that the format does not know", "key     u8", "type    13"}},
      {"long list",
       changed([](RawGguf& f) { f.set("numbers", test::gguf_list(5, uint64_t{1} << 62, "")); }),
       {"a list does not fit", "key     numbers", "4611686018427387904"}},
      {"long list of texts",
       changed([](RawGguf& f) { f.set("texts", test::gguf_list(8, 5000, "")); }),
       {"a list does not fit", "key     texts"}},
      {"deep lists",
       changed([](RawGguf& f) {
         std::string inner = raw(uint32_t{0}) + raw(uint64_t{0});
         for (int i = 0; i < 4; ++i) inner = raw(uint32_t{9}) + raw(uint64_t{1}) + inner;
         f.set("lists", raw(uint32_t{9}) + inner);
       }),
       {"nested too deep", "key     lists"}},
      {"truth of 2",
       changed([](RawGguf& f) { f.set("bool", raw(uint32_t{7}) + "\2"); }),
       {"neither 0 nor 1", "key     bool", "found   2"}},
      {"key twice", changed([](RawGguf& f) { f.pairs.push_back(f.pairs.front()); }), {"same key", "key     u8"}},
      {"empty key", changed([](RawGguf& f) { f.pairs.front().first = ""; }), {"a key is empty"}},
      {"alignment",
       changed([](RawGguf& f) { f.set("general.alignment", test::gguf_u32(48)); }),
       {"power of two", "found   48"}},
      {"alignment 0",
       changed([](RawGguf& f) { f.set("general.alignment", test::gguf_u32(0)); }),
       {"power of two", "found   0"}},
      {"alignment of text",
       changed([](RawGguf& f) { f.set("general.alignment", test::gguf_text("32")); }),
       {"power of two", "found   text"}},
      {"tensor twice", changed([](RawGguf& f) { f.tensors.back().name = "a"; }), {"same name", "tensor  a"}},
      {"no axes", tensor([](auto& t) { t.shape.clear(); }), {"no axes", "tensor  a", "axes    0"}},
      {"five axes",
       tensor([](auto& t) {
         t.shape = {32, 2, 1, 1, 1};
       }),
       {"more than 4", "axes    5"}},
      {"extent 0",
       tensor([](auto& t) {
         t.shape = {32, 0};
       }),
       {"empty or beyond counting", "extent  0"}},
      {"overflow",
       tensor([](auto& t) {
         t.shape = {uint64_t{1} << 40, uint64_t{1} << 40};
       }),
       {"beyond counting", "tensor  a"}},
      {"rows in part",
       tensor([](auto& t) {
         t.shape = {16, 4};
       }),
       {"no whole blocks", "[4, 16]", "blocks  of 32 (Q8_0)"}},
      {"larger than the file",
       tensor([](auto& t) {
         t.shape = {32, 4000};
       }),
       {"larger than the file", "tensor  a"}},
      {"other type",
       tensor([](auto& t) { t.type = test::kQ5_1; }),
       {"type that is not read", "tensor  a", "type    Q5_1", "read    F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q6_K"}},
      {"overlap",
       changed([](RawGguf& f) { f.tensors.back().offset = 64; }),
       {"two tensors overlap", "tensor  b", "offset  64", "needed  96"}},
      {"same place", changed([](RawGguf& f) { f.tensors.back().offset = 0; }), {"two tensors overlap"}},
      {"gap",
       changed([](RawGguf& f) { f.tensors.back().offset = 128; }),
       {"belong to none", "tensor  b", "offset  128"}},
      {"offset beyond", changed([](RawGguf& f) { f.tensors.back().offset = uint64_t{1} << 63; }), {"belong to none"}},
      {"left over", whole + std::string(32, 'x'), {"belong to no tensor", "covered 128", "data    160 bytes"}},
      {"escape in a name",
       tensor([](auto& t) {
         t.name = "\x1b[31m";
         t.shape = {};
       }),
       {"\\x1b[31m"}},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    const std::string message = refused(row.bytes);
    for (const std::string& part : row.parts) test::require_parts(message, {part});
    test::require_parts(message, {"cannot read the GGUF file", "m.gguf"});
  }
}

TEST_CASE("every cut of a file is refused or holds all it says") {
  const test::TempDirectory directory;
  const std::string whole = test::gguf_bytes(sound());
  int sound_ones = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    test::write_file(directory / "m.gguf", whole.substr(0, length));
    try {
      GgufFile::open(directory / "m.gguf");
      ++sound_ones;
    } catch (const CheckpointError&) {
    }
  }
  CHECK(sound_ones == 20);  // the last tensor's padding
}

}  // namespace plumbline
