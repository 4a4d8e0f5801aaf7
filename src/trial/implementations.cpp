// SPDX-License-Identifier: Apache-2.0
#include "trial/implementations.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "trial/copies.h"

namespace plumbline::trial {
namespace {

/// Off by a legal number of places: a different one for each order.
float function_result(Order order, double exact) {
  const int places[] = {0, 1, -1, 2, -2, 0, 1, -1, 2, 0, -1};
  float value = static_cast<float>(exact);
  const int wanted = std::fpclassify(value) == FP_NORMAL && value != 1.0f ? places[static_cast<int>(order)] : 0;
  // A correctly rounded value plus or minus one place is less than 2 ulps off.
  if (wanted != 0) value = std::nextafter(value, wanted > 0 ? 2 * value : 0.0f);
  return value;
}

std::vector<float> floats(const Array& array) { return {array.values.begin(), array.values.end()}; }

std::vector<float> row_of(const Array& array, int64_t row, int64_t width) {
  const auto first = array.values.begin() + row * width;
  return {first, first + width};
}

/// An operand as the contract's product takes it.
std::vector<float> taken(const Contract& contract, std::vector<float> values) {
  for (float& value : values) {
    if (contract.name == "linear/tf32") value = std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0xFFFFE000u);
    if (contract.name == "linear/f16") value = rounded(DType::f16, value);
  }
  return values;
}

/// The result; in Order::bf16_parts the parts too.
std::vector<std::vector<float>> linear(const Case& c, const Contract& contract, Order order) {
  const int64_t outputs = c.in.parameters[0].shape[0], terms = c.in.parameters[0].shape[1];
  const int64_t rows = element_count(c.in.inputs[0].shape) / terms;
  std::vector<float> out, parts;
  for (int64_t row = 0; row < rows; ++row) {
    const std::vector<float> x = taken(contract, row_of(c.in.inputs[0], row, terms));
    for (int64_t column = 0; column < outputs; ++column) {
      const std::vector<float> weight = taken(contract, row_of(c.in.parameters[0], column, terms));
      float sum = dot_in_order(order, x, weight, c.parts);
      if (c.in.parameters.size() > 1) sum += static_cast<float>(c.in.parameters[1].values[static_cast<size_t>(column)]);
      out.push_back(sum);
      if (order != Order::bf16_parts) continue;
      const std::vector<float> unrounded = sums_of_parts(x, weight, c.parts);
      parts.insert(parts.end(), unrounded.begin(), unrounded.end());
    }
  }
  if (order != Order::bf16_parts) return {out};
  return {out, parts};
}

/// Sums of squares never run through tensor cores.
Order scalar(Order order) {
  switch (order) {
    case Order::tensor_core:
    case Order::flushing: return Order::chain;
    case Order::split_tensor_core: return Order::pairwise;
    default: return order;
  }
}

/// The results, and n32.
std::vector<std::vector<float>> rmsnorm(const Case& c, const Contract& contract, Order order) {
  const std::vector<float> weight = floats(c.in.parameters[0]);
  const auto width = static_cast<int64_t>(weight.size());
  const auto eps = static_cast<float>(number(c.op, "eps"));
  std::vector<float> out, n32;
  for (int64_t row = 0; row < element_count(c.in.inputs[0].shape) / width; ++row) {
    const std::vector<float> x = row_of(c.in.inputs[0], row, width);
    const float variance = dot_in_order(scalar(order), x, x) / static_cast<float>(width);
    const float rstd = function_result(order, 1.0 / std::sqrt(static_cast<double>(variance + eps)));
    for (size_t i = 0; i < x.size(); ++i) {
      const float n = x[i] * rstd;
      n32.push_back(n);
      const float factor = contract.name == "rmsnorm/gemma" ? 1.0f + weight[i] : weight[i];
      out.push_back(factor * (contract.name == "rmsnorm/llama" ? rounded(c.model, n) : n));
    }
  }
  return {out, n32};
}

/// Blocks of scores with a running maximum; what was added before is rescaled when it grows.
float online_sum(const std::vector<float>& scores, size_t block) {
  float largest = -std::numeric_limits<float>::infinity(), sum = 0.0f;
  for (size_t first = 0; first < scores.size(); first += block) {
    const size_t end = std::min(scores.size(), first + block);
    float next = largest;
    for (size_t i = first; i < end; ++i) next = std::max(next, scores[i]);
    if (sum != 0.0f) sum *= function_result(Order::online, std::exp(static_cast<double>(largest - next)));
    largest = next;
    for (size_t i = first; i < end; ++i)
      sum += function_result(Order::online, std::exp(static_cast<double>(scores[i] - largest)));
  }
  return sum;
}

/// exp by a cubic in the fraction of the binary exponent, written into the bits of an f32: attention/sdpa-avx512.
/// `contracted`: the differences take the product by log2(e) unrounded, as a compiler may that contracts.
float cubic_exp(float x, bool contracted) {
  if (x < -87.0f) return 0.0f;
  constexpr float kLog2E = 1.44269504088896341f;
  const float z = x * kLog2E;
  const auto less = [&](float part) { return contracted ? std::fma(x, kLog2E, -part) : z - part; };
  const float f = less(std::floor(z));
  const float inner = std::fma(f, -0.079204240219773236f, -0.22433836478672356f);
  const float middle = std::fma(f, inner, 0.30354260500649682f);
  const float correction = std::fma(f, middle, 0.00010703434948458272f);
  return std::bit_cast<float>(static_cast<int32_t>(std::fma(8388608.0f, less(correction), 8388608.0f * 127.0f)));
}

/// exp(x - largest) of one block of keys; whole groups of sixteen by the cubic where the contract says so.
std::vector<float> powers_of(const std::vector<float>& block, float largest, bool cubic, Order order) {
  const size_t grouped = cubic ? block.size() / 16 * 16 : 0;
  std::vector<float> powers;
  for (size_t i = 0; i < block.size(); ++i) {
    const float x = block[i] - largest;
    powers.push_back(i < grouped ? cubic_exp(x, order == Order::fused_chain)
                                 : function_result(order, std::exp(static_cast<double>(x))));
  }
  return powers;
}

/// One row of attention/sdpa with V = 1 at each key in turn: online over blocks of 512.
std::vector<float> online_softmax(DType model, const std::vector<float>& x, bool cubic, Order order) {
  std::vector<float> held;
  float largest = -std::numeric_limits<float>::infinity(), sum = 0.0f;
  for (size_t begin = 0; begin < x.size(); begin += 512) {
    const std::vector<float> block(x.begin() + static_cast<long>(begin),
                                   x.begin() + static_cast<long>(std::min(x.size(), begin + 512)));
    const float larger = std::max(largest, *std::max_element(block.begin(), block.end()));
    const float shrink = begin == 0 ? 0.0f : function_result(order, std::exp(static_cast<double>(largest - larger)));
    const std::vector<float> powers = powers_of(block, larger, cubic, order);
    for (float& value : held) value *= shrink;
    sum = sum * shrink + sum_in_order(order, powers);
    for (const float value : powers) held.push_back(rounded(model, value));
    largest = larger;
  }
  for (float& value : held) value /= sum;
  return held;
}

std::vector<float> softmax(const Case& c, const Contract& contract, Order order) {
  const int64_t width = c.in.inputs[0].shape.back();
  std::vector<float> out;
  for (int64_t row = 0; row < element_count(c.in.inputs[0].shape) / width; ++row) {
    std::vector<float> x = row_of(c.in.inputs[0], row, width);
    if (contract.name.starts_with("attention/sdpa")) {
      const bool cubic = contract.name == "attention/sdpa-avx512" && c.model != DType::f32;
      const std::vector<float> online = online_softmax(c.model, x, cubic, order);
      out.insert(out.end(), online.begin(), online.end());
      continue;
    }
    const float running = order == Order::online ? online_sum(x, static_cast<size_t>(c.parts)) : 0.0f;
    const float largest = *std::max_element(x.begin(), x.end());
    for (float& value : x) value = function_result(order, std::exp(static_cast<double>(value - largest)));
    const float sum = order == Order::online ? running : sum_in_order(order, x);
    for (const float value : x) out.push_back(value / sum);
  }
  return out;
}

std::vector<float> silu(const Case& c, Order order) {
  std::vector<float> out;
  for (const float x : floats(c.in.inputs[0])) {
    // exp in f32: past 2^128 it is infinite.
    out.push_back(x / (1.0f + function_result(order, std::exp(-static_cast<double>(x)))));
  }
  return out;
}

std::vector<float> gelu_tanh(const Case& c, Order order) {
  std::vector<float> out;
  for (const float x : floats(c.in.inputs[0])) {
    const float inner = 0.79788456f * (x + 0.044715f * (x * x * x));
    out.push_back(0.5f * x * (1.0f + function_result(order, std::tanh(static_cast<double>(inner)))));
  }
  return out;
}

/// The results, quotients and tangents. A quotient, or as on a GPU a product with the cap's reciprocal.
std::vector<std::vector<float>> softcap(const Case& c, Order order) {
  const auto cap = static_cast<float>(number(c.op, "cap"));
  std::vector<float> out, quotients, tangents;
  for (const float x : floats(c.in.inputs[0])) {
    const float quotient = static_cast<int>(order) % 2 == 0 ? x / cap : x * (1.0f / cap);
    const float tangent = function_result(order, std::tanh(static_cast<double>(rounded(c.model, quotient))));
    quotients.push_back(quotient);
    tangents.push_back(tangent);
    out.push_back(rounded(c.model, tangent) * cap);
  }
  return {out, quotients, tangents};
}

std::vector<float> rope(const Case& c, const Contract& contract, Order order) {
  const Shape& shape = c.in.inputs[0].shape;
  const int64_t tokens = shape[2], channels = shape[3], width = c.in.inputs[1].shape.back();
  const bool pairs = text(c.op, "pairing") == "interleaved", rounds = contract.name == "rope/neox-t";
  std::vector<float> out;
  for (int64_t row = 0; row < shape[1] * tokens; ++row) {
    std::vector<float> x = row_of(c.in.inputs[0], row, channels);
    const std::vector<float> passed(x.begin() + width, x.end());
    x.resize(static_cast<size_t>(width));
    const std::vector<float> cos = row_of(c.in.inputs[1], row % tokens, width),
                             sin = row_of(c.in.inputs[2], row % tokens, width);
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t half = x.size() / 2, angle = pairs ? i / 2 : i;
      const size_t other = pairs ? i ^ 1 : (i + half) % x.size();
      const bool first = pairs ? i % 2 == 0 : i < half;
      const float turned = first ? -x[other] : x[other];
      if (rounds) {
        out.push_back(rounded(c.model, x[i] * cos[angle]) + rounded(c.model, turned * sin[angle]));
      } else {
        out.push_back(order == Order::fused_chain ? std::fma(x[i], cos[angle], turned * sin[angle])
                                                  : x[i] * cos[angle] + turned * sin[angle]);
      }
    }
    out.insert(out.end(), passed.begin(), passed.end());
  }
  return out;
}

/// Two orders of the same arithmetic: transformers' (a reciprocal, then a product), and plain quotients.
float scaled_frequency(float frequency, const RopeScaling& scaling, bool reciprocals) {
  const auto f32 = [](double value) { return static_cast<float>(value); };
  if (scaling.kind == RopeScaling::Kind::linear)
    return reciprocals ? frequency * (1.0f / f32(scaling.factor)) : frequency / f32(scaling.factor);
  const auto quotient = [&](float a, float b) { return reciprocals ? (1.0f / b) * a : a / b; };
  const float low = f32(scaling.low_freq_factor), length = f32(scaling.original_positions);
  const float wavelength = quotient(f32(2.0 * 3.14159265358979323846), frequency);
  const float divided = reciprocals ? frequency * (1.0f / f32(scaling.factor)) : frequency / f32(scaling.factor);
  if (wavelength > f32(scaling.original_positions / scaling.low_freq_factor)) return divided;
  if (wavelength < f32(scaling.original_positions / scaling.high_freq_factor)) return frequency;
  const float weight = (quotient(length, wavelength) - low) / f32(scaling.high_freq_factor - scaling.low_freq_factor);
  if (reciprocals) return (1.0f - weight) * frequency / f32(scaling.factor) + weight * frequency;
  return (1.0f - weight) * divided + weight * frequency;
}

std::vector<std::vector<float>> rope_table(const Case& c, Order order) {
  const int64_t width = integer(c.op, "head_dim");
  const auto theta = static_cast<float>(number(c.op, "theta"));
  const auto positions = static_cast<int64_t>(c.in.inputs[0].values.back()) + 1;
  std::vector<float> cos, sin;
  for (const float position : floats(c.in.inputs[0])) {
    for (int64_t channel = 0; channel < width; ++channel) {
      const float exponent = static_cast<float>(2 * (channel % (width / 2))) / static_cast<float>(width);
      const float power = function_result(order, std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
      float frequency = 1.0f / power, factor = 1.0f;
      if (const auto scaling = rope_scaling(c.op); scaling && scaling->kind == RopeScaling::Kind::longrope) {
        const auto pair = static_cast<size_t>(channel % (width / 2));
        frequency = 1.0f / (static_cast<float>(scaling->factors(positions).at(pair)) * power);
        factor = static_cast<float>(scaling->attention_factor);
      } else if (scaling) {
        frequency = scaled_frequency(frequency, *scaling, static_cast<int>(order) % 2 == 0);
      }
      const auto angle = static_cast<double>(position * frequency);
      cos.push_back(function_result(order, std::cos(angle)) * factor);
      sin.push_back(function_result(order, std::sin(angle)) * factor);
    }
  }
  return {cos, sin};
}

std::vector<float> attention(const Case& c, Order order) {
  const Shape &left = c.in.inputs[0].shape, &right = c.in.inputs[1].shape;
  const bool scores = c.op.kind == OpKind::attn_scores, modulo = text(c.op, "kv_map") == "modulo";
  const int64_t width = right[3], keys = right[2];
  std::vector<float> out;
  for (int64_t head = 0; head < left[1]; ++head) {
    const int64_t group = modulo ? head % right[1] : head / (left[1] / right[1]);
    for (int64_t token = 0; token < left[2]; ++token) {
      const std::vector<float> x = row_of(c.in.inputs[0], head * left[2] + token, left[3]);
      for (int64_t i = 0; i < (scores ? keys : width); ++i) {
        std::vector<float> y;
        for (int64_t k = 0; k < left[3]; ++k) {
          const int64_t at = scores ? i * width + k : k * width + i;
          y.push_back(static_cast<float>(c.in.inputs[1].values[static_cast<size_t>(group * keys * width + at)]));
        }
        out.push_back(dot_in_order(order, x, y, c.parts));
      }
    }
  }
  return out;
}

std::vector<float> two_operands(const Case& c, bool add) {
  const std::vector<float> a = floats(c.in.inputs[0]), b = floats(c.in.inputs[1]);
  std::vector<float> out;
  for (size_t i = 0; i < a.size(); ++i) out.push_back(add ? a[i] + b[i] : a[i] * b[i]);
  return out;
}

std::vector<float> masked(const Case& c) {
  const Shape& shape = c.in.inputs[0].shape;
  const auto lowest = static_cast<float>(-max_finite(c.model));
  std::vector<float> out = floats(c.in.inputs[0]);
  for (int64_t i = 0; i < element_count(shape); ++i) {
    const int64_t key = i % shape[3], query = c.in.first_position + i / shape[3] % shape[2];
    const bool left = mask_window(c.op) && key + *mask_window(c.op) <= query;
    out[static_cast<size_t>(i)] += key > query + integer(c.op, "offset") || left ? lowest : 0.0f;
  }
  return out;
}

std::vector<float> scaled(const Case& c) {
  std::vector<float> out = floats(c.in.inputs[0]);
  for (float& value : out) value *= static_cast<float>(number(c.op, "factor"));
  return out;
}

}  // namespace

float rounded(DType dtype, float value) { return static_cast<float>(round_to(dtype, static_cast<double>(value))); }

std::vector<std::vector<float>> run(const Case& c, const Contract& contract, Order order) {
  switch (c.op.kind) {
    case OpKind::linear: return linear(c, contract, order);
    case OpKind::rmsnorm: return rmsnorm(c, contract, order);
    case OpKind::softmax: return {softmax(c, contract, order)};
    case OpKind::silu: return {silu(c, order)};
    case OpKind::gelu_tanh: return {gelu_tanh(c, order)};
    case OpKind::softcap: return softcap(c, order);
    case OpKind::rope: return {rope(c, contract, order)};
    case OpKind::rope_table: return rope_table(c, order);
    case OpKind::attn_scores:
    case OpKind::attn_context: return {attention(c, order)};
    case OpKind::add: return {two_operands(c, true)};
    case OpKind::multiply: return {two_operands(c, false)};
    case OpKind::causal_mask: return {masked(c)};
    case OpKind::scale: return {scaled(c)};
    case OpKind::embedding:
    case OpKind::split_heads:
    case OpKind::merge_heads:
    case OpKind::kv_append: return {copied(c)};
  }
  return {};
}

}  // namespace plumbline::trial
