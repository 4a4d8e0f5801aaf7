// SPDX-License-Identifier: Apache-2.0
// Each op recomputed in f64 from the taps that were recorded for its inputs: what the pipeline connects is what the
// graph says. Roundings are the kernels' own tests; here half a unit in the last place of bf16, and as much again for
// the accumulation, is enough.
#include <algorithm>
#include <cmath>
#include <functional>

#include "kernel/pipeline/tiny_runs.h"

namespace plumbline::test {
namespace {

using Values = std::vector<double>;

struct Recorded {
  const Model& model;
  const TapRecord& taps;

  Values tap(const std::string& path) const { return to_values(taps.at(path).view()); }
  const Shape& shape(const std::string& path) const { return taps.at(path).shape(); }
  Values parameter(const Op& op, size_t index) const {
    return to_values(model.parameters.at(op.parameters.at(index)).view());
  }
};

Values linear(const Recorded& run, const Op& op) {
  const Values x = run.tap(op.inputs[0]), w = run.parameter(op, 0);
  const Values bias = op.parameters.size() > 1 ? run.parameter(op, 1) : Values();
  const size_t depth = static_cast<size_t>(run.shape(op.inputs[0]).back()), columns = w.size() / depth;
  Values y;
  for (size_t row = 0; row < x.size() / depth; ++row) {
    for (size_t n = 0; n < columns; ++n) {
      double sum = bias.empty() ? 0.0 : bias[n];
      for (size_t k = 0; k < depth; ++k) sum += x[row * depth + k] * w[n * depth + k];
      y.push_back(sum);
    }
  }
  return y;
}

Values rmsnorm(const Recorded& run, const Op& op) {
  const Values x = run.tap(op.inputs[0]), w = run.parameter(op, 0);
  Values y;
  for (size_t row = 0; row < x.size() / w.size(); ++row) {
    double squares = 0.0;
    for (size_t c = 0; c < w.size(); ++c) squares += x[row * w.size() + c] * x[row * w.size() + c];
    const double rstd = 1.0 / std::sqrt(squares / static_cast<double>(w.size()) + number(op, "eps"));
    for (size_t c = 0; c < w.size(); ++c) y.push_back(x[row * w.size() + c] * rstd * w[c]);
  }
  return y;
}

/// [outer, a, b, inner] -> [outer, b, a, inner].
Values exchanged(const Values& x, int64_t a, int64_t b, int64_t inner) {
  Values y;
  for (int64_t j = 0; j < b; ++j) {
    for (int64_t i = 0; i < a; ++i) {
      for (int64_t c = 0; c < inner; ++c) y.push_back(x[static_cast<size_t>((i * b + j) * inner + c)]);
    }
  }
  return y;
}

Values rope(const Recorded& run, const Op& op) {
  const Values x = run.tap(op.inputs[0]), cos = run.tap(op.inputs[1]), sin = run.tap(op.inputs[2]);
  const int64_t dim = run.shape(op.inputs[0]).back(), half = dim / 2,  // whole heads turn
      row_count = static_cast<int64_t>(cos.size()) / dim;
  Values y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t c = static_cast<int64_t>(i) % dim, token = static_cast<int64_t>(i) / dim % row_count;
    const size_t angle = static_cast<size_t>(token * dim + c);
    y[i] = x[i] * cos[angle] +
           (c < half ? -x[i + static_cast<size_t>(half)] : x[i - static_cast<size_t>(half)]) * sin[angle];
  }
  return y;
}

/// q k^T (or p v if `transposed`): rows [heads, tokens, depth] against a cache [kv, keys, channels].
Values attention_product(const Recorded& run, const Op& op, bool values) {
  const Values a = run.tap(op.inputs[0]), b = run.tap(op.inputs[1]);
  const Shape &sa = run.shape(op.inputs[0]), &sb = run.shape(op.inputs[1]);
  const int64_t columns = values ? sb[3] : sb[2], depth = sa[3], group = sa[1] / sb[1];
  Values y;
  for (int64_t h = 0; h < sa[1]; ++h) {
    for (int64_t t = 0; t < sa[2]; ++t) {
      for (int64_t n = 0; n < columns; ++n) {
        double sum = 0.0;
        for (int64_t k = 0; k < depth; ++k) {
          const int64_t key = values ? k : n, channel = values ? n : k;
          sum += a[static_cast<size_t>((h * sa[2] + t) * depth + k)] *
                 b[static_cast<size_t>((h / group * sb[2] + key) * sb[3] + channel)];
        }
        y.push_back(sum);
      }
    }
  }
  return y;
}

Values softmax(const Recorded& run, const Op& op) {
  Values x = run.tap(op.inputs[0]);
  const auto width = run.shape(op.inputs[0]).back();
  for (auto row = x.begin(); row != x.end(); row += width) {
    const double largest = *std::max_element(row, row + width);
    double sum = 0.0;
    for (auto at = row; at != row + width; ++at) sum += * at = std::exp(*at - largest);
    for (auto at = row; at != row + width; ++at) *at /= sum;
  }
  return x;
}

Values elementwise(const Recorded& run, const Op& op, const std::function<double(double, double)>& f) {
  Values a = run.tap(op.inputs[0]);
  const Values b = run.tap(op.inputs.back());
  for (size_t i = 0; i < a.size(); ++i) a[i] = f(a[i], b[i]);
  return a;
}

Values mask(const Recorded& run, const Op& op) {
  Values x = run.tap(op.inputs[0]);
  const Shape& shape = run.shape(op.inputs[0]);
  for (size_t i = 0; i < x.size(); ++i) {
    const int64_t key = static_cast<int64_t>(i) % shape[3], token = static_cast<int64_t>(i) / shape[3] % shape[2];
    if (key > token) x[i] += -0x1.FEp127;
  }
  return x;
}

Values expected_output(const Recorded& run, const Op& op) {
  const Shape shape = op.inputs.empty() ? Shape() : run.shape(op.inputs[0]);
  switch (op.kind) {
    case OpKind::linear: return linear(run, op);
    case OpKind::rmsnorm: return rmsnorm(run, op);
    case OpKind::split_heads: {
      const int64_t heads = integer(op, "heads");
      return exchanged(run.tap(op.inputs[0]), shape[1], heads, element_count(shape) / shape[1] / heads);
    }
    case OpKind::merge_heads: return exchanged(run.tap(op.inputs[0]), shape[1], shape[2], shape[3]);
    case OpKind::kv_append: return run.tap(op.inputs[0]);
    case OpKind::rope: return rope(run, op);
    case OpKind::attn_scores: return attention_product(run, op, false);
    case OpKind::attn_context: return attention_product(run, op, true);
    case OpKind::scale: return elementwise(run, op, [&](double a, double) { return a * number(op, "factor"); });
    case OpKind::causal_mask: return mask(run, op);
    case OpKind::softmax: return softmax(run, op);
    case OpKind::silu: return elementwise(run, op, [](double a, double) { return a / (1.0 + std::exp(-a)); });
    case OpKind::gelu_tanh:
      return elementwise(run, op, [](double a, double) {
        return 0.5 * a * (1.0 + std::tanh(0.7978845608028654 * (a + 0.044715 * a * a * a)));
      });
    case OpKind::softcap:
      return elementwise(run, op,
                         [&](double a, double) { return number(op, "cap") * std::tanh(a / number(op, "cap")); });
    case OpKind::add: return elementwise(run, op, [](double a, double b) { return a + b; });
    case OpKind::multiply: return elementwise(run, op, [](double a, double b) { return a * b; });
    case OpKind::embedding:
    case OpKind::rope_table: return {};
  }
  return {};
}

}  // namespace

TEST_CASE("each op's recorded output is the op of its recorded inputs", "[kernel]") {
  const Model model = tiny({.attention_bias = true});
  const Run run = run_once(model, {}, 18);
  const Recorded recorded{model, run.taps};
  size_t checked = 0;
  for (const Op& op : model.graph.ops) {
    const Values expected = expected_output(recorded, op);
    if (expected.empty()) continue;
    INFO("op " << op.name);
    const Values actual = recorded.tap(op.outputs.front().path);
    REQUIRE(actual.size() == expected.size());
    double scale = 0.0;
    for (const double value : expected) scale = std::max(scale, std::abs(value) < 1e30 ? std::abs(value) : 0.0);
    for (size_t i = 0; i < actual.size(); ++i) {
      // Two or three bf16 roundings of intermediate values no larger than the largest output.
      if (std::abs(actual[i] - expected[i]) > 0x1p-7 * std::abs(expected[i]) + 0x1p-8 * scale) {
        FAIL("element " << i << ": expected " << expected[i] << ", actual " << actual[i]);
      }
    }
    ++checked;
  }
  CHECK(checked == model.graph.ops.size() - 2);
}

TEST_CASE("the embedding yields the rows of its tokens", "[kernel]") {
  const Model model = tiny();
  const Run run = run_once(model);
  const Values table = to_values(model.parameters.at("model.embed_tokens.weight").view()),
               rows = to_values(run.taps.at("embed").view());
  const std::vector<int64_t> tokens = tiny_tokens(9);
  for (size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == table[static_cast<size_t>(tokens[i / 64]) * 64 + i % 64]);
}

}  // namespace plumbline::test
