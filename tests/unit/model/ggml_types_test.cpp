// SPDX-License-Identifier: Apache-2.0
// Blocks and what the Python package gguf 0.19.0 (quants.py, dequantize) makes of them. scripts/dev/check_gguf.py
// compares many more.
#include "model/ggml_types.h"

#include <bit>
#include <span>
#include <vector>

#include "core/hash.h"
#include "support/catch.h"
#include "support/raw_gguf.h"

namespace plumbline {
namespace {

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::vector<float> widened(uint32_t id, const std::string& bytes) {
  const GgmlType* type = find_ggml_type(id);
  REQUIRE(type != nullptr);
  REQUIRE(bytes.size() % static_cast<size_t>(type->block_bytes) == 0);
  const int64_t blocks = static_cast<int64_t>(bytes.size()) / type->block_bytes;
  std::vector<float> values(static_cast<size_t>(blocks * type->block));
  type->widen(reinterpret_cast<const std::byte*>(bytes.data()), blocks, values.data());
  return values;
}

struct Recorded {
  uint32_t id;
  std::string name, hex;                          ///< two blocks of random bytes, d (and m) set
  std::vector<std::pair<size_t, uint32_t>> bits;  ///< some of the numbers
  std::string digest;                             ///< XXH3-64 of all of them
};

}  // namespace

TEST_CASE("blocks are widened to the bits that were recorded") {
  const Recorded rows[] = {
      {8,
       "Q8_0",
       "fe21e5f1a94106a0956a26afbccdafe562f90a945f5693c642276ad5ab2da73945515d9899b2d74c3427fa48d732a1df"
       "70aca1e926115901dd06f27f8f063cd25e19a621",
       {{0, 0xBEA1CA00}, {1, 0xBE33C400}, {15, 0xBDA7C800}, {16, 0x3DEFB000}, {31, 0x3F72AF00}, {33, 0x3E2A2B00}},
       "040a55cb2fe818ff"},
      {2,
       "Q4_0",
       "fe210ccc21397c1ec795ca7748dc03d17a885d9885527357a2e64647f03e2fb81f223f41",
       {{0, 0x3D3FC000}, {1, 0x3D3FC000}, {15, 0x00000000}, {16, 0xBDBFC000}, {31, 0x00000000}, {33, 0x3C517000}},
       "a9085dc089ec925b"},
      {3,
       "Q4_1",
       "fe21fd345185f0711ef7677a1f132a818d8821955d98442e6b236b82481bd9fe630dc3ce3be4ebca",
       {{0, 0x3EA59E00}, {1, 0x3EBD9600}, {15, 0x3EBD9600}, {16, 0x3EBD9600}, {31, 0x3ED58E00}, {33, 0x3DBB6900}},
       "2fb594e1e826baf6"},
      {14,
       "Q6_K",
       "b72f45b35223479f6e794d57037e2cfde9e15a7789781e3721a557d8e5a703296dcb81db3f65cf9c1bdc5d1d8fc83f0b"
       "0bb4db71be572209851d3d24f4c0cf83fe4363f82f4759778955f6ced681cbea7179ced2c8f814a13472ff70ce369d83"
       "85452a44f318337f08cd1e614f235d3f83bc45fee9ee0403a79be118544441317c9311f85e0429b19f7ec0e156f65a33"
       "22e791b880ee995e3f0d307d2fbaf400693a179e0d027ed4e58be7a9ebc28a271d43a78855638144eb6603f7b2725de1"
       "1fe6ac2f88a68182869793f0aad6ded8fe213ab51681c4a374fec70a68b3e4bdc92b387987416c17ec90963ec766888a"
       "b4b80eba7c5cfd81121bea9cee1810dfd5169faf26cd7b5c30c8aba44d972299e8c7b41b9a1d2b0f180600a974d63b63"
       "32202c998e82b2522c49c4394c7d73265b6aaf61b288fbd0aecfa766616223611e764c93aa388ffabd0a6a6412b20997"
       "1e2d827076f7e49ab8fa197271be53a3442b128cdad72bad0f8aeef42a0b9a26d74fc78f2562b8701097a55b5510543d"
       "27ed600de3200a6749307fd37899c118819af6674394c3f7aa5f93f32c810a37ca7b5d98",
       {{0, 0xC1111F90},
        {31, 0x40DFF540},
        {32, 0xC1E413E0},
        {63, 0xC17F3AD0},
        {64, 0xC217AD60},
        {127, 0x420D90C0},
        {128, 0x4036C300},
        {200, 0xC100D500},
        {255, 0xC10E5080},
        {257, 0xBF1342C0},
        {300, 0x40922B80},
        {511, 0xBF062BC0}},
       "94c2e80b8979f35f"}};
  for (const Recorded& row : rows) {
    INFO(row.name);
    CHECK(find_ggml_type(row.id)->name == row.name);
    const std::vector<float> values = widened(row.id, from_hex(row.hex));
    for (const auto& [at, bits] : row.bits) {
      INFO("number " << at << ": " << values.at(at));
      CHECK(std::bit_cast<uint32_t>(values.at(at)) == bits);
    }
    CHECK(xxh3_64_hex(std::as_bytes(std::span(values))) == row.digest);
  }
}

TEST_CASE("floating formats come back bit for bit, NaN and subnormals too") {
  const auto bits_of = [](uint32_t id, const std::string& bytes) {
    std::vector<uint32_t> bits;
    for (const float value : widened(id, bytes)) bits.push_back(std::bit_cast<uint32_t>(value));
    return bits;
  };
  using Bits = std::vector<uint32_t>;
  CHECK(bits_of(test::kF32, from_hex("0100a07f000000800000807f01000000")) ==
        Bits{0x7FA00001, 0x80000000, 0x7F800000, 0x00000001});
  CHECK(bits_of(test::kBF16, from_hex("803f0080c07f0100")) == Bits{0x3F800000, 0x80000000, 0x7FC00000, 0x00010000});
  // 1, -0, the largest, the least subnormal 2^-24, infinity
  CHECK(bits_of(test::kF16, from_hex("003c0080ff7b0100007c")) ==
        Bits{0x3F800000, 0x80000000, 0x477FE000, 0x33800000, 0x7F800000});
}

TEST_CASE("the sum of Q4_1 is rounded once, products are exact") {
  // d = 1 + 2^-10, m = 65504 (the largest f16): 15 d + m = 65519.0146484375, of which f32 keeps 65519.015625.
  const std::string block = from_hex("013cff7b") + std::string(16, '\xff');
  CHECK(widened(test::kQ4_1, block).at(0) == 65519.015625F);
}

TEST_CASE("types that are not read have names for messages") {
  CHECK(find_ggml_type(test::kQ5_1) == nullptr);
  CHECK(ggml_type_name(test::kQ5_1) == "Q5_1");
  CHECK(ggml_type_name(4) == "type 4");
  CHECK(ggml_type_name(test::kQ6_K) == "Q6_K");
  CHECK(readable_ggml_types() == "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q6_K");
}

}  // namespace plumbline
