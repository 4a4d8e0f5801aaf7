// SPDX-License-Identifier: Apache-2.0
// Invariant and contract: rope_table.h.
#include "cuda/pipeline/rope_table.h"

#include <cmath>
#include <numbers>
#include <string>

#include <plumbline/error.h>

#include "cuda/pipeline/torch_functions.h"

namespace plumbline {
namespace {

template <class T>
T* elements(Tensor& tensor) {
  return reinterpret_cast<T*>(tensor.mutable_data());
}

/// Rope scaling (op_graph.h), "llama3" with transformers' operations: a quotient of a number by a tensor is the
/// tensor's reciprocal times the number, and every number is rounded to f32 first.
float scaled(float inv_freq, const RopeScaling& scaling) {
  const auto f32 = [](double value) { return static_cast<float>(value); };
  if (scaling.kind == RopeScaling::Kind::linear) return inv_freq / f32(scaling.factor);
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor, length = scaling.original_positions;
  const float wavelength = (1.0f / inv_freq) * f32(2.0 * std::numbers::pi);
  if (wavelength > f32(length / low)) return inv_freq / f32(scaling.factor);
  if (wavelength < f32(length / high)) return inv_freq;
  const float weight = ((1.0f / wavelength) * f32(length) - f32(low)) / f32(high - low);
  const float divided_part = (1.0f - weight) * inv_freq / f32(scaling.factor);
  return divided_part + weight * inv_freq;
}

float power_of(float theta, float exponent, RopeFunctions functions) {
  if (functions == RopeFunctions::torch_sm90) return torch_cpu_pow(theta, exponent);
  return static_cast<float>(std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
}

float cosine_of(float angle, RopeFunctions functions) {
  if (functions == RopeFunctions::torch_sm90) return cuda_cos(angle);
  return static_cast<float>(std::cos(static_cast<double>(angle)));
}

float sine_of(float angle, RopeFunctions functions) {
  if (functions == RopeFunctions::torch_sm90) return cuda_sin(angle);
  return static_cast<float>(std::sin(static_cast<double>(angle)));
}

/// The D/2 angles of one position, written twice: transformers' cat(freqs, freqs).
void fill_row(RopeTable& table, int64_t row, int64_t half, float factor, RopeFunctions functions) {
  const float* freqs = elements<float>(table.freqs) + row * half;
  for (int64_t c = 0; c < 2 * half; ++c) {
    const float angle = freqs[c % half];
    const int64_t index = row * 2 * half + c;
    const float cos32 = factor * cosine_of(angle, functions), sin32 = factor * sine_of(angle, functions);  // A3 R5 L2
    elements<float>(table.cos32)[index] = cos32;
    elements<float>(table.sin32)[index] = sin32;
    elements<uint16_t>(table.cos)[index] = f32_to_bf16(cos32);  // R6
    elements<uint16_t>(table.sin)[index] = f32_to_bf16(sin32);  // R6
  }
}

}  // namespace

RopeTable make_rope_table(double theta, int64_t head_dim, int64_t first_position, int64_t tokens,
                          const std::optional<RopeScaling>& scaling, RopeFunctions functions) {
  if (head_dim < 2 || head_dim % 2 != 0 || tokens < 1) {
    throw BackendError("rope table: needs an even head_dim and at least one token",
                       {"head_dim  " + std::to_string(head_dim), "tokens    " + std::to_string(tokens)},
                       "check head_dim in the model's config.json");
  }
  if (functions == RopeFunctions::torch_sm90 && head_dim % 64 != 0) {
    throw BackendError("numerics torch/sm90: which pow LibTorch takes is known for whole vectors only",
                       {"head_dim  " + std::to_string(head_dim)}, "known are multiples of 64, or --numerics portable");
  }
  const int64_t half = head_dim / 2;
  RopeTable table{Tensor(DType::f32, {half}),
                  Tensor(DType::f32, {1, tokens, half}),
                  Tensor(DType::f32, {1, tokens, head_dim}),
                  Tensor(DType::f32, {1, tokens, head_dim}),
                  Tensor(DType::bf16, {1, tokens, head_dim}),
                  Tensor(DType::bf16, {1, tokens, head_dim})};
  const bool longrope = scaling && scaling->kind == RopeScaling::Kind::longrope;
  const float factor = longrope ? static_cast<float>(scaling->attention_factor) : 1.0f;
  float* inv_freq = elements<float>(table.inv_freq);
  for (int64_t i = 0; i < half; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);  // R1
    const float power = power_of(static_cast<float>(theta), exponent, functions);     // R2
    const float stretch =
        longrope ? static_cast<float>(scaling->factors(first_position + tokens).at(static_cast<size_t>(i))) : 1.0f;
    inv_freq[i] = 1.0f / (stretch * power);  // A1 L1 R3
    if (scaling && !longrope) inv_freq[i] = scaled(inv_freq[i], *scaling);
  }
  float* freqs = elements<float>(table.freqs);
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t i = 0; i < half; ++i)
      freqs[t * half + i] = static_cast<float>(first_position + t) * inv_freq[i];  // A2 R4
    fill_row(table, t, half, factor, functions);
  }
  return table;
}

}  // namespace plumbline
