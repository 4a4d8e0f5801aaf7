// SPDX-License-Identifier: Apache-2.0
#include "implementations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace plumbline::test {
namespace {

float chain(const std::vector<float>& terms) {
  float sum = 0.0f;
  for (const float term : terms) sum += term;
  return sum;
}

float lanes(const std::vector<float>& terms) {
  float lane[32] = {};
  for (size_t i = 0; i < terms.size(); ++i) lane[i % 32] += terms[i];
  for (size_t half = 16; half > 0; half /= 2)
    for (size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
  return lane[0];
}

float blocked(const std::vector<float>& terms) {
  std::vector<float> partial;
  for (size_t first = 0; first < terms.size(); first += 64) {
    float sum = 0.0f;
    for (size_t i = first; i < std::min(terms.size(), first + 64); ++i) sum += terms[i];
    partial.push_back(sum);
  }
  return chain(partial);
}

float towards_zero(double value) {
  const float nearest = static_cast<float>(value);
  return std::fabs(static_cast<double>(nearest)) > std::fabs(value) ? std::nextafter(nearest, 0.0f) : nearest;
}

/// One tensor-core step: terms cut to 25 bits below the largest exponent, added exactly, cut to f32.
float tensor_core_step(float c, const float* a, const float* b, size_t n) {
  int largest = c == 0.0f ? -1000 : std::ilogb(c);
  for (size_t i = 0; i < n; ++i) {
    if (a[i] != 0.0f && b[i] != 0.0f) largest = std::max(largest, std::ilogb(a[i]) + std::ilogb(b[i]));
  }
  if (largest == -1000) return c;
  const auto cut = [&](double value) { return std::trunc(std::ldexp(value, 25 - largest)); };
  double sum = cut(static_cast<double>(c));
  for (size_t i = 0; i < n; ++i) sum += cut(static_cast<double>(a[i]) * static_cast<double>(b[i]));
  return towards_zero(std::ldexp(sum, largest - 25));
}

float tensor_core(const std::vector<float>& a, const std::vector<float>& b) {
  float c = 0.0f;
  for (size_t k = 0; k < a.size(); k += 16) c = tensor_core_step(c, &a[k], &b[k], std::min<size_t>(16, a.size() - k));
  return c;
}

/// Off by a legal number of places: a different one for each order.
float function_result(Order order, double exact) {
  const int places[] = {0, 1, -1, 2, -2, 0};
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

std::vector<float> linear(const Case& c, Order order) {
  const int64_t outputs = c.in.parameters[0].shape[0], terms = c.in.parameters[0].shape[1];
  const int64_t rows = element_count(c.in.inputs[0].shape) / terms;
  std::vector<float> out;
  for (int64_t row = 0; row < rows; ++row) {
    const std::vector<float> x = row_of(c.in.inputs[0], row, terms);
    for (int64_t column = 0; column < outputs; ++column) {
      float sum = dot_in_order(order, x, row_of(c.in.parameters[0], column, terms));
      if (c.in.parameters.size() > 1) sum += static_cast<float>(c.in.parameters[1].values[static_cast<size_t>(column)]);
      out.push_back(sum);
    }
  }
  return out;
}

std::vector<float> rmsnorm(const Case& c, const Contract& contract, Order order) {
  const std::vector<float> weight = floats(c.in.parameters[0]);
  const auto width = static_cast<int64_t>(weight.size());
  const auto eps = static_cast<float>(number(c.op, "eps"));
  std::vector<float> out;
  for (int64_t row = 0; row < element_count(c.in.inputs[0].shape) / width; ++row) {
    const std::vector<float> x = row_of(c.in.inputs[0], row, width);
    const float variance =
        dot_in_order(order == Order::tensor_core ? Order::chain : order, x, x) / static_cast<float>(width);
    const float rstd = function_result(order, 1.0 / std::sqrt(static_cast<double>(variance + eps)));
    for (size_t i = 0; i < x.size(); ++i) {
      const float n = x[i] * rstd;
      out.push_back(weight[i] * (contract.name == "rmsnorm/llama" ? rounded(c.model, n) : n));
    }
  }
  return out;
}

std::vector<float> softmax(const Case& c, Order order) {
  const int64_t width = c.in.inputs[0].shape.back();
  std::vector<float> out;
  for (int64_t row = 0; row < element_count(c.in.inputs[0].shape) / width; ++row) {
    std::vector<float> x = row_of(c.in.inputs[0], row, width);
    const float largest = *std::max_element(x.begin(), x.end());
    for (float& value : x) value = function_result(order, std::exp(static_cast<double>(value - largest)));
    const float sum = sum_in_order(order == Order::tensor_core ? Order::lanes : order, x);
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

std::vector<float> rope(const Case& c, const Contract& contract, Order order) {
  const Shape& shape = c.in.inputs[0].shape;
  const int64_t tokens = shape[2], width = shape[3];
  const bool pairs = text(c.op, "pairing") == "interleaved", rounds = contract.name == "rope/neox-t";
  std::vector<float> out;
  for (int64_t row = 0; row < shape[1] * tokens; ++row) {
    const std::vector<float> x = row_of(c.in.inputs[0], row, width);
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
  }
  return out;
}

/// Two orders of the same arithmetic: transformers' (a reciprocal, then a product), and plain quotients.
float scaled_frequency(float frequency, const RopeScaling& scaling, bool reciprocals) {
  const auto f32 = [](double value) { return static_cast<float>(value); };
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
  std::vector<float> cos, sin;
  for (const float position : floats(c.in.inputs[0])) {
    for (int64_t channel = 0; channel < width; ++channel) {
      const float exponent = static_cast<float>(2 * (channel % (width / 2))) / static_cast<float>(width);
      const float power = function_result(order, std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
      float frequency = 1.0f / power;
      if (const auto scaling = rope_scaling(c.op)) {
        frequency = scaled_frequency(frequency, *scaling, static_cast<int>(order) % 2 == 0);
      }
      const auto angle = static_cast<double>(position * frequency);
      cos.push_back(function_result(order, std::cos(angle)));
      sin.push_back(function_result(order, std::sin(angle)));
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
        out.push_back(dot_in_order(order, x, y));
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
    out[static_cast<size_t>(i)] += key > query + integer(c.op, "offset") ? lowest : 0.0f;
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

float sum_in_order(Order order, const std::vector<float>& terms) {
  switch (order) {
    case Order::lanes: return lanes(terms);
    case Order::blocked: return blocked(terms);
    case Order::reversed: return chain({terms.rbegin(), terms.rend()});
    default: return chain(terms);
  }
}

float dot_in_order(Order order, const std::vector<float>& a, const std::vector<float>& b) {
  if (order == Order::tensor_core) return tensor_core(a, b);
  if (order == Order::fused_chain) {
    float sum = 0.0f;
    for (size_t i = 0; i < a.size(); ++i) sum = std::fma(a[i], b[i], sum);
    return sum;
  }
  std::vector<float> products(a.size());
  for (size_t i = 0; i < a.size(); ++i) products[i] = a[i] * b[i];
  return sum_in_order(order, products);
}

std::vector<std::vector<float>> run(const Case& c, const Contract& contract, Order order) {
  switch (c.op.kind) {
    case OpKind::linear: return {linear(c, order)};
    case OpKind::rmsnorm: return {rmsnorm(c, contract, order)};
    case OpKind::softmax: return {softmax(c, order)};
    case OpKind::silu: return {silu(c, order)};
    case OpKind::rope: return {rope(c, contract, order)};
    case OpKind::rope_table: return rope_table(c, order);
    case OpKind::attn_scores:
    case OpKind::attn_context: return {attention(c, order)};
    case OpKind::add: return {two_operands(c, true)};
    case OpKind::multiply: return {two_operands(c, false)};
    case OpKind::causal_mask: return {masked(c)};
    case OpKind::scale: return {scaled(c)};
    default: return {floats(c.in.inputs[0])};
  }
}

}  // namespace plumbline::test
