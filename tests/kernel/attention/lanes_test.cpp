// SPDX-License-Identifier: Apache-2.0
// Sums by lanes (lane_sum/v1) and CUDA's expf inside attention, against plain loops, bit for bit.
#include "cuda/attention/attention.h"
#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"
#include "support/catch.h"

#include <plumbline/error.h>

namespace plumbline::test {
namespace {

using twin::Arithmetic;
using twin::AttentionTap;

constexpr int kHeads = 2, kDim = 64;

/// Term by term into lanes, then the lanes: another way round than the kernel's.
float by_lanes(const std::vector<float>& products, const LaneOrder& order) {
  std::vector<float> lanes(size_t(order.lanes), 0.0f);
  for (size_t k = 0; k < products.size(); ++k) lanes[k / size_t(order.vector) % lanes.size()] += products[k];
  if (order.sequential) {
    float sum = lanes[0];
    for (size_t lane = 1; lane < lanes.size(); ++lane) sum += lanes[lane];
    return sum;
  }
  for (size_t half = lanes.size() / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

struct Data {
  std::vector<bf16> q, k, v;
  explicit Data(int keys) {
    Random random(uint64_t(keys) + 7);
    q = random.bf16s(kHeads * kDim);
    k = random.bf16s(size_t(keys * kHeads * kDim), 2.0f);
    v = random.bf16s(size_t(keys * kHeads * kDim));
  }
};

struct Result {
  std::vector<bf16> raw, probs, y;
};

Result run(const Data& data, int keys, int tokens, const LaneOrder& scores, const LaneOrder& context,
           Arithmetic arithmetic) {
  const Array<bf16> q(data.q), k(data.k), v(data.v);
  Array<bf16> masked(size_t(kHeads * keys)), probs(masked.values().size()), raw(masked.values().size()),
      y(data.q.size());
  twin::RecordTap tap;
  tap.slots[AttentionTap::kRaw] = raw.data();
  twin::attention({.q = q.data(),
                   .k_cache = k.data(),
                   .v_cache = v.data(),
                   .masked = masked.data(),
                   .probs = probs.data(),
                   .y = y.data(),
                   .heads = kHeads,
                   .kv_heads = kHeads,
                   .tokens = tokens,
                   .keys = keys,
                   .head_dim = kDim,
                   .first_position = keys - 1,
                   .mask_offset = 0,
                   .scale = 0.125f,
                   .modulo_keys = false,
                   .modulo_values = false,
                   .arithmetic = arithmetic,
                   .scores = scores,
                   .context = context},
                  &tap, 64, nullptr);
  return {raw.values(), probs.values(), y.values()};
}

void check_products(const Data& data, int keys, const LaneOrder& scores, const LaneOrder& context,
                    const Result& actual) {
  std::vector<bf16> raw, y;
  for (int head = 0; head < kHeads; ++head) {
    const auto row = [&](const std::vector<bf16>& cache, int key, int c) {
      return widen(cache[size_t((key * kHeads + head) * kDim + c)]);
    };
    for (int key = 0; key < keys; ++key) {
      std::vector<float> products;
      for (int c = 0; c < kDim; ++c) products.push_back(widen(data.q[size_t(head * kDim + c)]) * row(data.k, key, c));
      raw.push_back(rounded(by_lanes(products, scores)));
    }
    for (int c = 0; c < kDim; ++c) {
      std::vector<float> products;
      for (int key = 0; key < keys; ++key)
        products.push_back(widen(actual.probs[size_t(head * keys + key)]) * row(data.v, key, c));
      y.push_back(rounded(by_lanes(products, context)));
    }
  }
  require_same_bits(raw, actual.raw, "scores, " + std::to_string(keys) + " keys");
  require_same_bits(y, actual.y, "context, " + std::to_string(keys) + " keys");
}

}  // namespace

TEST_CASE("attention by lanes equals its declared order", "[kernel]") {
  const std::vector<std::pair<LaneOrder, LaneOrder>> orders = {
      {{16, 8}, {32, 4}}, {{32, 4}, {32, 1}}, {{16, 1, true}, {32, 3}}, {{4, 16}, {1, 1}}, {{8, 1}, {2, 5, true}}};
  for (const int keys : {1, 2, 33, 77, 130}) {
    const Data data(keys);
    for (const auto& [scores, context] : orders)
      check_products(data, keys, scores, context, run(data, keys, 1, scores, context, Arithmetic::portable));
  }
}

TEST_CASE("attention under torch/sm90 takes CUDA's expf: probabilities move by an ulp at most, scores not at all",
          "[kernel]") {
  const int keys = 40;
  const Data data(keys);
  const Result ours = run(data, keys, 1, {}, {}, Arithmetic::portable),
               torch = run(data, keys, 1, {}, {}, Arithmetic::torch_sm90);
  require_same_bits(ours.raw, torch.raw, "scores");
  for (size_t i = 0; i < ours.probs.size(); ++i) CHECK(std::abs(ours.probs[i].bits - torch.probs[i].bits) <= 1);
}

TEST_CASE("attention refuses lanes that no sum has, and lanes for several tokens", "[kernel]") {
  const Data data(8);
  CHECK_THROWS_AS(run(data, 8, 1, {3, 1}, {}, Arithmetic::portable), BackendError);
  CHECK_THROWS_AS(run(data, 8, 1, {}, {64, 1}, Arithmetic::portable), BackendError);
  CHECK_THROWS_AS(run(data, 8, 1, {16, 0}, {}, Arithmetic::portable), BackendError);
  CHECK_THROWS_AS(run(data, 8, 2, {16, 8}, {}, Arithmetic::portable), BackendError);
}

}  // namespace plumbline::test
