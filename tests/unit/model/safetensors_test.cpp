// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors.h"

#include <plumbline/error.h>

#include "support/catch.h"
#include "support/error_text.h"
#include "support/raw_safetensors.h"
#include "support/temp_directory.h"

namespace plumbline {
namespace {

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

}  // namespace

TEST_CASE("Tensors come back with name, dtype, shape and bytes") {
  const test::TempDirectory directory;
  const auto file = directory / "w.safetensors";
  test::write_safetensors(file, {{"b", "F32", {2}, {"\0\0\x80\x3f\0\0\0\xc0", 8}},
                                 {"a", "BF16", {1, 3}, {"\x80\x3f\x00\x40\x40\x40", 6}},
                                 {"none", "I64", {0, 4}, ""},
                                 {"one", "U8", {}, "\x07"}});
  const SafetensorsFile opened = SafetensorsFile::open(file);
  REQUIRE(opened.tensors().size() == 4);
  CHECK(to_values(opened.tensors().at("a").view()) == std::vector<double>{1.0, 2.0, 3.0});
  CHECK(opened.tensors().at("a").shape() == Shape{1, 3});
  CHECK(opened.tensors().at("a").dtype() == DType::bf16);
  CHECK(to_values(opened.tensors().at("b").view()) == std::vector<double>{1.0, -2.0});
  CHECK(opened.tensors().at("none").count() == 0);
  CHECK(to_values(opened.tensors().at("one").view()) == std::vector<double>{7.0});
}

TEST_CASE("Tensors outlive the file object, and may lie unaligned") {
  const test::TempDirectory directory;
  const auto file = directory / "w.safetensors";
  const std::string header = "{" + entry("byte", "U8", "[1]", "[0,1]") + "," + entry("x", "F32", "[1]", "[1,5]") + "}";
  test::write_safetensors_raw(file, header, {"\x01\x00\x00\x80\x3f", 5});
  Tensor x;
  { x = SafetensorsFile::open(file).tensors().at("x"); }
  CHECK(x.view().at(0) == 1.0);
}

TEST_CASE("A damaged or hostile file is refused with file, tensor and both values") {
  struct Row {
    std::string what, header, data;
    std::vector<std::string> parts;
  };
  const std::string two = std::string(8, '\0'), four = std::string(16, '\0');
  const std::vector<Row> rows = {
      {"overlap",
       "{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[2]", "[4,12]") + "}",
       std::string(12, '\0'),
       {"overlap", "tensor  b", "a ends at 8"}},
      {"same place",
       "{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[2]", "[0,8]") + "}",
       two,
       {"overlap", "tensor  b"}},
      {"gap",
       "{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("b", "F32", "[1]", "[12,16]") + "}",
       four,
       {"belong to none", "tensor  b", "begins  12", "covered 8"}},
      {"gap at the front", "{" + entry("a", "F32", "[2]", "[8,16]") + "}", four, {"belong to none", "tensor  a"}},
      {"trailing bytes", "{" + entry("a", "F32", "[2]", "[0,8]") + "}", four, {"belong to no tensor", "16 bytes"}},
      {"no tensors but data", "{}", two, {"belong to no tensor"}},
      {"out of file",
       "{" + entry("a", "F32", "[4]", "[0,16]") + "}",
       two,
       {"outside the file", "tensor  a", "8 bytes"}},
      {"backwards", "{" + entry("a", "F32", "[2]", "[8,0]") + "}", two, {"outside the file", "tensor  a"}},
      {"size", "{" + entry("a", "F32", "[3]", "[0,8]") + "}", two, {"do not fit", "[3] f32: 12 bytes", "8 bytes"}},
      {"dtype size", "{" + entry("a", "BF16", "[2]", "[0,8]") + "}", two, {"do not fit", "4 bytes"}},
      {"overflow", "{" + entry("a", "F32", "[4294967296,4294967296]", "[0,8]") + "}", two, {"more bytes than can"}},
      {"overflow to the right size",
       "{" + entry("a", "F32", "[4611686018427387906]", "[0,8]") + "}",
       two,
       {"more bytes than can"}},
      {"huge extent", "{" + entry("a", "F32", "[18446744073709551615]", "[0,8]") + "}", two, {"tensor  a", "extent"}},
      {"beyond 64 bits", "{" + entry("a", "F32", "[99999999999999999999]", "[0,8]") + "}", two, {"tensor  a"}},
      {"negative extent", "{" + entry("a", "F32", "[-2]", "[0,8]") + "}", two, {"tensor  a", "-2"}},
      {"real extent", "{" + entry("a", "F32", "[2.0]", "[0,8]") + "}", two, {"tensor  a", "2.0"}},
      {"many axes", "{" + entry("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") + "}", two, {"tensor  a", "8 integers"}},
      {"shape no list", "{" + entry("a", "F32", "2", "[0,8]") + "}", two, {"tensor  a"}},
      {"negative offsets", "{" + entry("a", "F32", "[2]", "[-8,0]") + "}", two, {"data_offsets"}},
      {"three offsets", "{" + entry("a", "F32", "[2]", "[0,4,8]") + "}", two, {"data_offsets"}},
      {"unknown dtype", "{" + entry("a", "F4", "[2]", "[0,8]") + "}", two, {"unknown dtype", "tensor  a", "F4"}},
      {"dtype no text", "{\"a\":{\"dtype\":1,\"shape\":[2],\"data_offsets\":[0,8]}}", two, {"unknown dtype"}},
      {"lacking shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", two, {"tensor  a", "lacks"}},
      {"entry no object", "{\"a\":7}", two, {"tensor  a"}},
      {"duplicate tensor",
       "{" + entry("a", "F32", "[2]", "[0,8]") + "," + entry("a", "F32", "[2]", "[8,16]") + "}",
       four,
       {"duplicate key 'a'"}},
      {"duplicate member",
       "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
       two,
       {"duplicate key 'dtype'"}},
      {"no JSON", "{\"a\":", two, {"not usable JSON", "byte"}},
      {"bad UTF-8", "{\"\xff\xff\":1}", two, {"not usable JSON"}},
      {"a list", "[]", "", {"not a JSON object"}},
      {"empty header", "", "", {"not a JSON object"}},
      {"deep", "{\"a\":" + std::string(100'000, '['), "", {"nested deeper"}},
      {"escaped name", "{\"a\\n\\u0007b\":7}", "", {"a\\x0a\\x07b"}},
      {"huge name", "{\"" + std::string(1'000'000, 'n') + "\":7}", "", {"nnn..."}}};
  const test::TempDirectory directory;
  const auto file = directory / "w.safetensors";
  for (const Row& row : rows) {
    INFO(row.what);
    test::write_safetensors_raw(file, row.header, row.data);
    const std::string message = test::error_text<CheckpointError>([&] { SafetensorsFile::open(file); });
    test::require_parts(message, {file.string()});
    for (const std::string& part : row.parts) test::require_parts(message, {part});
    CHECK(message.size() < 1000);
  }
}

TEST_CASE("A header length that the file cannot hold is refused before anything is read") {
  const test::TempDirectory directory;
  const auto file = directory / "w.safetensors";
  struct Row {
    uint64_t length;
    std::string part;
  };
  for (const Row& row : {Row{3, "truncated"}, Row{100'000'000, "truncated"}, Row{100'000'001, "too long"},
                         Row{uint64_t{1} << 63, "too long"}, Row{UINT64_MAX, "too long"}}) {
    test::write_safetensors_raw(file, "{}", "", row.length);
    test::require_parts(test::error_text<CheckpointError>([&] { SafetensorsFile::open(file); }),
                        {file.string(), row.part, std::to_string(row.length)});
  }
  for (const size_t bytes : {0u, 1u, 7u}) {
    test::write_file(file, std::string(bytes, '\0'));
    test::require_parts(test::error_text<CheckpointError>([&] { SafetensorsFile::open(file); }), {"truncated"});
  }
}

TEST_CASE("Any sound file cut short anywhere is refused") {
  const test::TempDirectory directory;
  const auto file = directory / "w.safetensors";
  test::write_safetensors(file, {{"a", "F32", {2}, std::string(8, 'x')}, {"b", "BF16", {3}, std::string(6, 'y')}});
  const std::string whole = test::read_file(file);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    INFO(bytes << " of " << whole.size());
    test::write_file(file, whole.substr(0, bytes));
    CHECK_THROWS_AS(SafetensorsFile::open(file), CheckpointError);
  }
}

TEST_CASE("Any single byte of a header may change without a crash") {
  const test::TempDirectory directory;
  const auto file = directory / "w.safetensors";
  test::write_safetensors(file, {{"a", "F32", {2}, std::string(8, 'x')}, {"b", "BF16", {3}, std::string(6, 'y')}});
  const std::string whole = test::read_file(file);
  int refused = 0;
  for (size_t at = 0; at < whole.size() - 14; ++at) {
    for (const char byte : {'\0', '9', '"', '}', '\xff'}) {
      std::string changed = whole;
      changed[at] = byte;
      test::write_file(file, changed);
      try {
        const SafetensorsFile opened = SafetensorsFile::open(file);
        for (const auto& [name, tensor] : opened.tensors()) CHECK(tensor.byte_size() <= 14);
      } catch (const CheckpointError&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("What is no regular file is refused, not waited for") {
  const test::TempDirectory directory;
  for (const auto& path : {directory.path(), directory / "absent", std::filesystem::path("/dev/zero")}) {
    test::require_parts(test::error_text<CheckpointError>([&] { SafetensorsFile::open(path); }), {path.string()});
  }
}

}  // namespace plumbline
