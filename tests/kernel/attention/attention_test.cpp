// SPDX-License-Identifier: Apache-2.0
// attention against plain loops in the declared order, bit for bit, and its promises about steps.
#include "cuda/attention/attention.h"

#include <plumbline/error.h>
#include <limits>

#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

using twin::AttentionTap;

struct Problem {
  int heads = 4, kv_heads = 2, tokens = 5, keys = 5, dim = 32, offset = 0, window = 0;
  bool modulo_keys = false, modulo_values = false;
  std::vector<bf16> q = {}, k = {}, v = {};

  Problem filled(uint64_t seed) const {
    Problem p = *this;
    Random random(seed);
    p.q = random.bf16s(size_t(heads * tokens * dim));
    p.k = random.bf16s(size_t(keys * kv_heads * dim), 2.0f);
    p.v = random.bf16s(size_t(keys * kv_heads * dim));
    return p;
  }
  int past() const { return keys - tokens; }
  float scale() const { return float(std::pow(double(dim), -0.5)); }
};

struct Result {
  std::vector<bf16> raw, scaled, masked, probs, context, y;
  std::vector<float> probs32;
};

/// Appends the softmax of `row` to result.probs32 and result.probs.
void softmax(const std::vector<bf16>& row, Result& result) {
  float largest = -std::numeric_limits<float>::infinity();
  for (const bf16 score : row) largest = std::max(largest, widen(score));
  std::vector<float> lanes(32), exps;
  for (size_t key = 0; key < row.size(); ++key) {
    exps.push_back(twin::exp_f32(widen(row[key]) - largest));
    lanes[key % 32] += exps.back();
  }
  const float sum = lane_tree(lanes);
  for (const float e : exps) {
    result.probs32.push_back(e / sum);
    result.probs.push_back(rounded(e / sum));
  }
}

Result expect(const Problem& p) {
  Result result;
  result.y.resize(p.q.size());
  const int64_t stride = int64_t(p.kv_heads) * p.dim;
  for (int h = 0; h < p.heads; ++h) {
    const int block = h / (p.heads / p.kv_heads), modulo = h % p.kv_heads;
    const bf16* k = p.k.data() + (p.modulo_keys ? modulo : block) * p.dim;
    const bf16* v = p.v.data() + (p.modulo_values ? modulo : block) * p.dim;
    for (int t = 0; t < p.tokens; ++t) {
      std::vector<bf16> row;
      for (int key = 0; key < p.keys; ++key) {
        result.raw.push_back(rounded(chain(p.q.data() + (h * p.tokens + t) * p.dim, k + key * stride, p.dim)));
        result.scaled.push_back(rounded(widen(result.raw.back()) * p.scale()));
        const bool in_window = p.window == 0 || key > p.past() + t - p.window;
        const bool allowed = key <= p.past() + t + p.offset && in_window;
        row.push_back(rounded(widen(result.scaled.back()) + (allowed ? 0.0f : -0x1.FEp127f)));
        result.masked.push_back(row.back());
      }
      softmax(row, result);
      const bf16* probs = result.probs.data() + result.probs.size() - size_t(p.keys);
      for (int c = 0; c < p.dim; ++c) {
        result.context.push_back(rounded(chain(probs, v + c, p.keys, stride)));
        result.y[size_t((t * p.heads + h) * p.dim + c)] = result.context.back();
      }
    }
  }
  return result;
}

Result run(const Problem& p, int threads, bool taps) {
  const size_t scores = size_t(p.heads * p.tokens * p.keys);
  const Array<bf16> q(p.q), k(p.k), v(p.v);
  Array<bf16> masked(scores), probs(scores), raw(scores), scaled(scores), context(p.q.size()), y(p.q.size());
  Array<float> probs32(scores);
  twin::RecordTap tap;
  tap.slots[AttentionTap::kRaw] = raw.data();
  tap.slots[AttentionTap::kScaled] = scaled.data();
  tap.slots[AttentionTap::kProbs32] = probs32.data();
  tap.slots[AttentionTap::kContext] = context.data();
  twin::attention({.q = q.data(),
                   .k_cache = k.data(),
                   .v_cache = v.data(),
                   .masked = masked.data(),
                   .probs = probs.data(),
                   .y = y.data(),
                   .heads = p.heads,
                   .kv_heads = p.kv_heads,
                   .tokens = p.tokens,
                   .keys = p.keys,
                   .head_dim = p.dim,
                   .first_position = p.past(),
                   .mask_offset = p.offset,
                   .mask_window = p.window,
                   .scale = p.scale(),
                   .modulo_keys = p.modulo_keys,
                   .modulo_values = p.modulo_values},
                  taps ? &tap : nullptr, threads, nullptr);
  return {raw.values(),     scaled.values(), masked.values(), probs.values(),
          context.values(), y.values(),      probs32.values()};
}

void check(const Problem& shape, const std::string& what) {
  const Problem p = shape.filled(71);
  const Result expected = expect(p), actual = run(p, 128, true);
  require_same_bits(expected.raw, actual.raw, what + ", raw");
  require_same_bits(expected.scaled, actual.scaled, what + ", scaled");
  require_same_bits(expected.masked, actual.masked, what + ", masked");
  require_same_bits(expected.probs32, actual.probs32, what + ", probs32");
  require_same_bits(expected.probs, actual.probs, what + ", probs");
  require_same_bits(expected.context, actual.context, what + ", context");
  require_same_bits(expected.y, actual.y, what + ", y");
}

}  // namespace

TEST_CASE("attention equals the eager chain of ops in plain loops", "[kernel]") {
  check({}, "short prompt");
  check({.tokens = 1, .keys = 1}, "one token");
  check({.tokens = 17, .keys = 17, .dim = 20}, "ragged rows and channels");
  check({.tokens = 3, .keys = 70}, "cache, ragged keys");
  check({.tokens = 1, .keys = 129, .dim = 128}, "decode");
  for (const int keys : {128, 769, 770, 1024, 1025})  // the older values staged, but for the last
    check({.heads = 2, .kv_heads = 1, .tokens = 1, .keys = keys, .dim = 64}, "decode, many keys");
  check({.heads = 2, .kv_heads = 2, .tokens = 16, .keys = 64, .dim = 64}, "no sharing");
  check({.modulo_keys = true, .modulo_values = true}, "modulo map");
  check({.modulo_keys = true}, "modulo map of the keys alone");
  check({.tokens = 6, .keys = 9, .offset = 1}, "one future key");
  for (const int window : {1, 4, 16, 17, 40}) {
    check({.tokens = 19, .keys = 19, .window = window}, "a window");
    check({.tokens = 1, .keys = 70, .window = window}, "a window, one query");
    check({.tokens = 3, .keys = 70, .window = window}, "a window, a cache");
  }
}

TEST_CASE("attention gives the same bits for any block size and with or without taps", "[kernel]") {
  const Problem p = Problem{.tokens = 18, .keys = 40, .dim = 48}.filled(72);
  const Result expected = run(p, 128, false);
  for (const int threads : {32, 64, 256}) {
    const Result actual = run(p, threads, true);
    require_same_bits(expected.y, actual.y, "y");
    require_same_bits(expected.probs, actual.probs, "probs");
  }
}

TEST_CASE("a query's result does not depend on the keys behind it: prefill equals decode", "[kernel]") {
  const Problem all = Problem{.tokens = 35, .keys = 35}.filled(73);
  const std::vector<bf16> together = run(all, 128, false).y;
  for (const int length : {1, 16, 33, 35}) {
    Problem one = all;
    one.tokens = 1;
    one.keys = length;
    one.k.resize(size_t(length * one.kv_heads * one.dim));
    one.v.resize(one.k.size());
    one.q.clear();
    for (int h = 0; h < all.heads; ++h) {
      const auto row = all.q.begin() + (h * all.tokens + length - 1) * all.dim;
      one.q.insert(one.q.end(), row, row + all.dim);
    }
    const size_t width = size_t(all.heads * all.dim);
    const auto row = together.begin() + std::ptrdiff_t(size_t(length - 1) * width);
    require_same_bits(std::vector<bf16>(row, row + std::ptrdiff_t(width)), run(one, 128, false).y,
                      "length " + std::to_string(length));
  }
}

TEST_CASE("attention turns a row of scores with NaN or +Inf into NaN, and only that row's head", "[kernel]") {
  Problem p = Problem{.heads = 2, .kv_heads = 2, .tokens = 3, .keys = 3}.filled(74);
  const std::vector<bf16> clean = run(p, 128, false).y;
  p.q[size_t(1 * p.dim)] = bf16{0x7FC0};               // head 0, token 1
  p.q[size_t((p.tokens + 2) * p.dim)] = bf16{0x7F80};  // head 1, token 2: scores of infinite size
  const std::vector<bf16> y = run(p, 128, false).y;
  for (int t = 0; t < 3; ++t) {
    for (int h = 0; h < 2; ++h) {
      for (int c = 0; c < p.dim; ++c) {
        const size_t at = size_t((t * 2 + h) * p.dim + c);
        if (h == 0 && t == 1) {
          CHECK(y[at].bits == 0x7FFF);
        } else if (h == 0 || t < 2) {
          CHECK(y[at].bits == clean[at].bits);
        }
      }
    }
  }
}

TEST_CASE("attention refuses heads that cannot be shared evenly", "[kernel]") {
  Problem p = Problem{}.filled(75);
  p.heads = 3;
  CHECK_THROWS_AS(run(p, 128, false), BackendError);
}

}  // namespace plumbline::test
