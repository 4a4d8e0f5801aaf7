// SPDX-License-Identifier: Apache-2.0
// Attention: which key-value head a query head reads, the mask, the softmax.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "diagnose/order_text.h"
#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

// ---- heads

/// y[h] = a[h] (rows x inner) times b[g(h)], b transposed for scores: what query head h gives with key-value head g.
void head_product(const Array& a, const Array& b, bool transposed, size_t h, size_t g, std::vector<double>& y) {
  const auto rows = static_cast<size_t>(a.shape.at(2)), inner = static_cast<size_t>(a.shape.at(3));
  const auto b_rows = static_cast<size_t>(b.shape.at(2)), b_columns = static_cast<size_t>(b.shape.at(3));
  const size_t columns = transposed ? b_rows : b_columns;
  y.assign(rows * columns, 0.0);
  const double* left = a.values.data() + h * rows * inner;
  const double* right = b.values.data() + g * b_rows * b_columns;
  for (size_t r = 0; r < rows; ++r)
    for (size_t k = 0; k < inner; ++k)
      for (size_t c = 0; c < columns; ++c)
        y[r * columns + c] += left[r * inner + k] * (transposed ? right[c * inner + k] : right[k * b_columns + c]);
}

/// For each query head the key-value head whose product is nearest to what was stored.
std::vector<int64_t> nearest_heads(const Bench& bench, bool transposed) {
  const OpInputs& first = bench.given(bench.steps().front());
  const auto heads = static_cast<size_t>(first.inputs[0].shape.at(1)),
             groups = static_cast<size_t>(first.inputs[1].shape.at(1));
  std::vector<int64_t> nearest;
  std::vector<double> product;
  for (size_t h = 0; h < heads; ++h) {
    double least = std::numeric_limits<double>::infinity();
    nearest.push_back(0);
    for (size_t g = 0; g < groups; ++g) {
      double squares = 0.0;
      for (const BenchStep& step : bench.steps()) {
        const OpInputs& in = bench.given(step);
        head_product(in.inputs[0], in.inputs[1], transposed, h, g, product);
        const double* stored = step.stored[0].data() + h * product.size();
        for (size_t i = 0; i < product.size(); ++i) squares += (stored[i] - product[i]) * (stored[i] - product[i]);
      }
      if (squares < least) least = squares, nearest.back() = static_cast<int64_t>(g);
    }
  }
  return nearest;
}

std::string heads_text(const std::vector<int64_t>& map, const std::string& declared, int64_t groups) {
  std::vector<std::string> moved;
  bool modulo = true, block = true;
  const auto heads = static_cast<int64_t>(map.size());
  for (int64_t h = 0; h < heads; ++h) {
    const int64_t by_block = h / std::max<int64_t>(1, heads / groups), by_modulo = h % groups;
    modulo = modulo && map[static_cast<size_t>(h)] == by_modulo;
    block = block && map[static_cast<size_t>(h)] == by_block;
    if (map[static_cast<size_t>(h)] != (declared == "block" ? by_block : by_modulo))
      moved.push_back(fmt::format("{} reads {}", h, map[static_cast<size_t>(h)]));
  }
  if (modulo && declared == "block") return "query head h reads key-value head h mod KV, not h / (H/KV)";
  if (block && declared == "modulo") return "query head h reads key-value head h / (H/KV), not h mod KV";
  if (moved.empty()) return "";
  const size_t more = moved.size() > 4 ? moved.size() - 4 : 0;
  moved.resize(moved.size() - more);
  return fmt::format("query heads read other key-value heads: {}{}", fmt::join(moved, ", "),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

void suspect_head_map(const Bench& bench, size_t m, bool transposed, Suspects& out) {
  const auto map = nearest_heads(bench, transposed);
  const int64_t groups = bench.given(bench.steps().front()).inputs[1].shape.at(1);
  const std::string said = heads_text(map, text(bench.op(), "kv_map"), groups);
  if (said.empty()) return;
  const auto edit = [map, transposed](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    std::vector<double> product;
    for (size_t h = 0; h < map.size(); ++h) {
      head_product(in.inputs[0], in.inputs[1], transposed, h, static_cast<size_t>(map[h]), product);
      std::copy(product.begin(), product.end(),
                results[0].exact.values.begin() + static_cast<std::ptrdiff_t>(h * product.size()));
    }
  };
  out.push_back({std::string(code::kHeadMap), said, m, {}, {}, edit, {}});
}

// ---- mask

constexpr int64_t kEachKey = 48;  // so far every number of keys is tried, beyond it doubles

/// Offsets of the diagonal, the nearest to the declared one first.
std::vector<int64_t> mask_offsets(int64_t declared, int64_t keys) {
  std::vector<int64_t> offsets;
  for (int64_t by = 1; by < keys; by = by < kEachKey ? by + 1 : by * 2)
    for (const int64_t offset : {declared + by, declared - by}) offsets.push_back(offset);
  return offsets;
}

std::vector<int64_t> mask_windows(int64_t keys) {
  std::vector<int64_t> windows;
  for (int64_t window = 1; window < keys; window = window < kEachKey ? window + 1 : window * 2)
    windows.push_back(window);
  return windows;
}

void suspect_mask(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  const int64_t declared = integer(op, "offset");
  const int64_t keys = bench.steps().back().given[m].inputs[0].shape.at(3);
  const auto unmasked = [](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    results[0].exact.values = in.inputs[0].values;
  };
  out.push_back({std::string(code::kMask), "no key is masked", m, {}, {}, unmasked, {}});
  for (const int64_t offset : mask_offsets(declared, keys)) {
    Op changed = op;
    changed.attributes["offset"] = offset;
    const std::string what = offset > declared
                                 ? fmt::format("every token sees {} key(s) of its future", offset - declared)
                                 : fmt::format("every token misses its {} latest key(s)", declared - offset);
    out.push_back({std::string(code::kMask), what, m, std::move(changed), {}, {}, {}});
  }
  const std::optional<int64_t> held = mask_window(op);
  if (held) {
    Op changed = op;
    changed.attributes.erase("window");
    out.push_back({std::string(code::kMask),
                   fmt::format("the sliding window of {} keys is not applied", *held),
                   m,
                   std::move(changed),
                   {},
                   {},
                   {}});
  }
  for (const int64_t window : mask_windows(keys)) {
    if (window == held) continue;
    Op changed = op;
    changed.attributes["window"] = window;
    const std::string what = held ? fmt::format("the sliding window holds {} keys, not {}", window, *held)
                                  : fmt::format("a sliding window of {} keys is applied", window);
    out.push_back({std::string(code::kMask), what, m, std::move(changed), {}, {}, {}});
  }
}

// ---- softmax

using RowFunction = std::function<void(const double* scores, double* probabilities, size_t count)>;

Mistake with_rows(size_t m, std::string_view family, std::string text, RowFunction function) {
  const auto edit = [function](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    const auto keys = static_cast<size_t>(in.inputs[0].shape.back());
    for (Evaluated& result : results)
      for (size_t at = 0; at + keys <= result.exact.values.size(); at += keys)
        function(in.inputs[0].values.data() + at, result.exact.values.data() + at, keys);
  };
  return {std::string(family), std::move(text), m, {}, {}, edit, {}};
}

/// Softmax of f(score).
Mistake with_scores(size_t m, std::string_view family, std::string text, std::function<double(double)> change) {
  const auto edit = [change](OpInputs& in, const StepFacts&) {
    for (double& score : in.inputs[0].values) score = change(score);
  };
  return {std::string(family), std::move(text), m, {}, edit, {}, {}};
}

/// exp(s - last maximum) over a sum that kept every tile's terms at the maximum of its time.
void not_rescaled(const double* scores, double* probabilities, size_t count, size_t tile) {
  const double final_maximum = *std::max_element(scores, scores + count);
  double sum = 0.0, running = -std::numeric_limits<double>::infinity();
  for (size_t from = 0; from < count; from += tile) {
    const size_t end = std::min(count, from + tile);
    running = std::max(running, *std::max_element(scores + from, scores + end));
    for (size_t i = from; i < end; ++i) sum += std::exp(scores[i] - running);
  }
  for (size_t i = 0; i < count; ++i) probabilities[i] = std::exp(scores[i] - final_maximum) / sum;
}

void suspect_softmax(const Bench& bench, size_t m, Suspects& out) {
  for (const size_t tile : {1u, 2u, 4u, 8u, 16u, 32u, 64u, 128u})
    out.push_back(with_rows(
        m, code::kSoftmax,
        fmt::format("the running sum is not rescaled when a later tile of {} key(s) raises the maximum", tile),
        [tile](const double* s, double* p, size_t n) { not_rescaled(s, p, n, tile); }));
  out.push_back(with_rows(m, code::kSoftmax, "the probabilities are not divided by their sum",
                          [](const double* s, double* p, size_t n) {
                            const double maximum = *std::max_element(s, s + n);
                            for (size_t i = 0; i < n; ++i) p[i] = std::exp(s[i] - maximum);
                          }));
  out.push_back(with_rows(m, code::kSoftmax,
                          "the maximum is not subtracted: the exponentials, held in f16, overflow or lose bits",
                          [](const double* s, double* p, size_t n) {
                            double sum = 0.0;
                            for (size_t i = 0; i < n; ++i) sum += p[i] = round_to(DType::f16, std::exp(s[i]));
                            for (size_t i = 0; i < n; ++i) p[i] /= sum;
                          }));
  const auto scaled = [m](double factor) {
    return with_scores(m, code::kSoftmax, fmt::format("the scores are multiplied by {} besides", number_text(factor)),
                       [factor](double s) { return s * factor; });
  };
  out.push_back(with_scores(m, code::kSoftmax, "powers of 2 instead of e", [](double s) { return s * std::log(2.0); }));
  const double factor = fit_positive(bench, 1e-3, 1e3, 41, scaled);
  out.push_back(scaled(factor));
  out.push_back(scaled(rounded_number(factor, 0.01)));
  const auto capped = [m](double cap) {
    return with_scores(m, code::kSoftmax, fmt::format("the scores are capped: {0} tanh(s / {0})", number_text(cap)),
                       [cap](double s) { return std::fabs(s) > 1e30 ? s : cap * std::tanh(s / cap); });
  };
  const double cap = fit_positive(bench, 0.1, 1e3, 25, capped);
  out.push_back(capped(cap));
  out.push_back(capped(rounded_number(cap, 0.02)));
}

/// Keys at the end that take no part in the sum of values.
void suspect_lost_keys(const Bench& bench, size_t m, Suspects& out) {
  constexpr int64_t kMost = 16;
  const int64_t keys = bench.steps().back().given[m].inputs[0].shape.at(3);
  for (int64_t lost = 1; lost < std::min(keys, kMost); ++lost) {
    const auto edit = [lost](OpInputs& in, const StepFacts&) {
      const auto count = in.inputs[0].shape.at(3);
      std::vector<double>& p = in.inputs[0].values;
      for (size_t i = 0; i < p.size(); ++i)
        if (static_cast<int64_t>(i) % count >= count - lost) p[i] = 0.0;
    };
    out.push_back({std::string(code::kPartLost),
                   fmt::format("the last {} key(s) of a step are left out of the sum of values", lost),
                   m,
                   {},
                   edit,
                   {},
                   {}});
  }
}

}  // namespace

void suspect_attention(const Bench& bench, size_t m, Suspects& out) {
  const bool last = m + 1 == bench.chain().size();
  switch (bench.chain()[m]->kind) {
    case OpKind::attn_scores:
      if (last) suspect_head_map(bench, m, true, out);
      break;
    case OpKind::attn_context:
      if (last) suspect_head_map(bench, m, false, out);
      suspect_lost_keys(bench, m, out);
      break;
    case OpKind::causal_mask: suspect_mask(bench, m, out); break;
    case OpKind::softmax: suspect_softmax(bench, m, out); break;
    default: break;
  }
  if (last) return;
  // Inside a segment nothing is fitted: the one other rule that software knows is tried.
  const Op& op = *bench.chain()[m];
  if (op.kind != OpKind::attn_scores && op.kind != OpKind::attn_context) return;
  Op changed = op;
  const bool block = text(op, "kv_map") == "block";
  changed.attributes["kv_map"] = std::string(block ? "modulo" : "block");
  out.push_back({std::string(code::kHeadMap),
                 block ? "query head h reads key-value head h mod KV, not h / (H/KV)"
                       : "query head h reads key-value head h / (H/KV), not h mod KV",
                 m,
                 std::move(changed),
                 {},
                 {},
                 {}});
}

}  // namespace plumbline
