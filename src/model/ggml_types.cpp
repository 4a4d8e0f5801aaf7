// SPDX-License-Identifier: Apache-2.0
#include "model/ggml_types.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <plumbline/dtype.h>

namespace plumbline {
namespace {

constexpr int kBlock = 32, kSuperBlock = 256;

float half_at(const std::byte* at) { return static_cast<float>(decode(DType::f16, at)); }
int byte_at(const std::byte* at) { return std::to_integer<int>(*at); }
int signed_at(const std::byte* at) { return static_cast<int8_t>(std::to_integer<uint8_t>(*at)); }

void widen_f32(const std::byte* from, int64_t blocks, float* to) {
  std::memcpy(to, from, static_cast<size_t>(blocks) * sizeof(float));
}

void widen_f16(const std::byte* from, int64_t blocks, float* to) {
  for (int64_t i = 0; i < blocks; ++i) to[i] = half_at(from + 2 * i);
}

void widen_bf16(const std::byte* from, int64_t blocks, float* to) {
  for (int64_t i = 0; i < blocks; ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, from + 2 * i, sizeof bits);
    to[i] = bf16_to_f32(bits);
  }
}

void widen_q8_0(const std::byte* from, int64_t blocks, float* to) {
  for (; blocks > 0; --blocks, from += 34, to += kBlock) {
    const float d = half_at(from);
    for (int i = 0; i < kBlock; ++i) to[i] = d * static_cast<float>(signed_at(from + 2 + i));
  }
}

/// Byte j holds weight j in its low nibble and weight j + 16 in its high one.
void widen_q4_0(const std::byte* from, int64_t blocks, float* to) {
  for (; blocks > 0; --blocks, from += 18, to += kBlock) {
    const float d = half_at(from);
    for (int j = 0; j < kBlock / 2; ++j) {
      const int two = byte_at(from + 2 + j);
      to[j] = d * static_cast<float>((two & 15) - 8);
      to[j + kBlock / 2] = d * static_cast<float>((two >> 4) - 8);
    }
  }
}

void widen_q4_1(const std::byte* from, int64_t blocks, float* to) {
  for (; blocks > 0; --blocks, from += 20, to += kBlock) {
    const float d = half_at(from), m = half_at(from + 2);
    for (int j = 0; j < kBlock / 2; ++j) {
      const int two = byte_at(from + 4 + j);
      to[j] = d * static_cast<float>(two & 15) + m;
      to[j + kBlock / 2] = d * static_cast<float>(two >> 4) + m;
    }
  }
}

/// Each half of 128 weights is four runs of 32: nibbles low, low, high, high of 64 bytes; bits 0-1, 2-3, 4-5, 6-7
/// of 32.
void widen_q6_k(const std::byte* from, int64_t blocks, float* to) {
  constexpr int kLow = 128, kHigh = 64, kScales = 16;
  for (; blocks > 0; --blocks, from += kLow + kHigh + kScales + 2, to += kSuperBlock) {
    const float d = half_at(from + kLow + kHigh + kScales);
    for (int i = 0; i < kSuperBlock; ++i) {
      const int half = i / 128, run = i % 128 / 32, at = i % 32;
      const int low = byte_at(from + 64 * half + 32 * (run % 2) + at) >> (run < 2 ? 0 : 4) & 15;
      const int high = byte_at(from + kLow + 32 * half + at) >> (2 * run) & 3;
      const int scale = signed_at(from + kLow + kHigh + i / 16);
      to[i] = d * static_cast<float>(scale) * static_cast<float>((low | high << 4) - 32);
    }
  }
}

constexpr std::array<GgmlType, 7> kTypes = {{{0, "F32", 1, 4, widen_f32},
                                             {1, "F16", 1, 2, widen_f16},
                                             {30, "BF16", 1, 2, widen_bf16},
                                             {8, "Q8_0", kBlock, 34, widen_q8_0},
                                             {2, "Q4_0", kBlock, 18, widen_q4_0},
                                             {3, "Q4_1", kBlock, 20, widen_q4_1},
                                             {14, "Q6_K", kSuperBlock, 210, widen_q6_k}}};

// Numbers of ggml.h's enum ggml_type, for messages.
constexpr std::pair<uint32_t, const char*> kOthers[] = {
    {6, "Q5_0"},   {7, "Q5_1"},     {9, "Q8_1"},    {10, "Q2_K"},    {11, "Q3_K"},  {12, "Q4_K"},   {13, "Q5_K"},
    {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},
    {22, "IQ2_S"}, {23, "IQ4_XS"},  {24, "I8"},     {25, "I16"},     {26, "I32"},   {27, "I64"},    {28, "F64"},
    {29, "IQ1_M"}, {34, "TQ1_0"},   {35, "TQ2_0"},  {39, "MXFP4"}};

}  // namespace

const GgmlType* find_ggml_type(uint32_t id) {
  const auto* const found = std::find_if(kTypes.begin(), kTypes.end(), [&](const GgmlType& t) { return t.id == id; });
  return found == kTypes.end() ? nullptr : found;
}

std::string ggml_type_name(uint32_t id) {
  if (const GgmlType* type = find_ggml_type(id)) return type->name;
  for (const auto& [number, name] : kOthers)
    if (number == id) return name;
  return "type " + std::to_string(id);
}

std::string readable_ggml_types() {
  std::string names;
  for (const GgmlType& type : kTypes) names.append(names.empty() ? "" : ", ").append(type.name);
  return names;
}

}  // namespace plumbline
