// SPDX-License-Identifier: Apache-2.0
// heads against plain loops: norm per head, both pairings, absent norm, rows of the cache, every tap.
#include "cuda/heads/heads.h"

#include <plumbline/error.h>
#include <array>

#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

using twin::HeadRole;
using twin::HeadsTap;
using twin::NormRounding;
using twin::NormTap;

constexpr int kHeads[3] = {4, 2, 2};
constexpr int kPast = 3;

struct Setup {
  int tokens = 1, head_dim = 32;
  bool interleaved = false, q_norm = true, k_norm = true;
  bool f32 = false;  ///< tables, products and sum
  NormRounding rounding = NormRounding::two;
};

struct Inputs {
  std::array<std::vector<bf16>, 3> x;
  std::vector<bf16> q_weight, k_weight, cos, sin;
  std::vector<float> cos32, sin32;

  explicit Inputs(const Setup& setup) {
    Random random(61);
    for (size_t r = 0; r < 3; ++r) x[r] = random.bf16s(size_t(setup.tokens * kHeads[r] * setup.head_dim), 3.0f);
    q_weight = random.bf16s(size_t(setup.head_dim));
    k_weight = random.bf16s(size_t(setup.head_dim), 20.0f);
    cos = random.bf16s(size_t(setup.tokens * setup.head_dim), 0.5f);
    sin = random.bf16s(size_t(setup.tokens * setup.head_dim), 0.5f);
    // More bits than bf16 holds.
    for (size_t i = 0; i < cos.size(); ++i) {
      cos32.push_back(widen(cos[i]) / 3.0f);
      sin32.push_back(widen(sin[i]) / 7.0f);
    }
  }
};

/// What one role yields: its result, and taps by head.
struct RoleResult {
  std::vector<bf16> y, heads, cos, rot_sin, norm_out;
  std::vector<float> rstd, cos32, rot_sin32;  ///< the last two instead of cos and rot_sin with f32 tables
};
using Result = std::array<RoleResult, 3>;

RoleResult expect_role(const Setup& s, const Inputs& in, size_t role) {
  const int count = kHeads[role], dim = s.head_dim;
  const std::vector<bf16>* weight = role == 0 && s.q_norm   ? &in.q_weight
                                    : role == 1 && s.k_norm ? &in.k_weight
                                                            : nullptr;
  const size_t total = in.x[role].size();
  RoleResult result{std::vector<bf16>(total),
                    std::vector<bf16>(total),
                    std::vector<bf16>(total),
                    std::vector<bf16>(total),
                    {},
                    {},
                    {},
                    {}};
  if (s.f32) result.cos32.resize(total), result.rot_sin32.resize(total);
  for (int t = 0; t < s.tokens; ++t) {
    for (int h = 0; h < count; ++h) {
      const bf16* x = in.x[role].data() + (t * count + h) * dim;
      std::vector<bf16> row(x, x + dim);
      if (weight != nullptr) {
        const HostNorm norm = host_norm(x, weight->data(), dim, 1e-6f, s.rounding == NormRounding::two);
        row = norm.out;
        result.rstd.push_back(norm.rstd);
        result.norm_out.insert(result.norm_out.end(), row.begin(), row.end());
      }
      for (int c = 0; c < dim; ++c) {
        const size_t at = size_t((h * s.tokens + t) * dim + c);
        result.heads[at] = row[size_t(c)];
        result.y[at] = row[size_t(c)];
        if (role == 2) continue;
        const int partner = s.interleaved ? c ^ 1 : (c + dim / 2) % dim;
        const bool first = s.interleaved ? c % 2 == 0 : c < dim / 2;
        const size_t angle = size_t(t * dim + (s.interleaved ? c / 2 : c));
        const float other = first ? -widen(row[size_t(partner)]) : widen(row[size_t(partner)]);
        if (s.f32) {
          result.cos32[at] = widen(row[size_t(c)]) * in.cos32[angle];
          result.rot_sin32[at] = other * in.sin32[angle];
          result.y[at] = rounded(result.cos32[at] + result.rot_sin32[at]);
          continue;
        }
        result.cos[at] = rounded(widen(row[size_t(c)]) * widen(in.cos[angle]));
        result.rot_sin[at] = rounded(other * widen(in.sin[angle]));
        result.y[at] = rounded(widen(result.cos[at]) + widen(result.rot_sin[at]));
      }
    }
  }
  return result;
}

/// A cache is by token; taps and the query are by head.
std::vector<bf16> by_head(const std::vector<bf16>& cache, int tokens, int heads, int dim) {
  std::vector<bf16> result;
  for (int h = 0; h < heads; ++h) {
    for (int t = 0; t < tokens; ++t) {
      for (int c = 0; c < dim; ++c) result.push_back(cache[size_t(((kPast + t) * heads + h) * dim + c)]);
    }
  }
  return result;
}

Result run(const Setup& s, const Inputs& in, int threads, bool taps) {
  const Array<bf16> x[3] = {Array<bf16>(in.x[0]), Array<bf16>(in.x[1]), Array<bf16>(in.x[2])};
  const Array<bf16> q_weight(in.q_weight), k_weight(in.k_weight), cos(in.cos), sin(in.sin);
  std::vector<Array<bf16>> y, slots;
  const Array<float> cos32(in.cos32), sin32(in.sin32);
  std::vector<Array<float>> rstd, slots32;
  twin::RecordTap tap;
  twin::HeadsArgs args{};
  args.tokens = s.tokens;
  args.head_dim = s.head_dim;
  for (size_t r = 0; r < 3; ++r) {
    const size_t count = in.x[r].size(), row = size_t(kHeads[r] * s.head_dim);
    y.emplace_back(r == 0 ? count : count + kPast * row);
    rstd.emplace_back(count / size_t(s.head_dim));
    tap.slots[r * HeadsTap::kCount + NormTap::kRstd] = rstd[r].data();
    for (const int slot : {int(NormTap::kOut), int(HeadsTap::kHeads), int(HeadsTap::kCos), int(HeadsTap::kRotSin),
                           int(HeadsTap::kRotated)}) {
      slots.emplace_back(count);
      tap.slots[int(r) * HeadsTap::kCount + slot] = slots.back().data();
    }
    const bool norm = (r == 0 && s.q_norm) || (r == 1 && s.k_norm), rotates = r < 2;
    args.roles[r] = {x[r].data(),
                     norm ? (r == 0 ? q_weight.data() : k_weight.data()) : nullptr,
                     rotates ? cos.data() : nullptr,
                     rotates ? sin.data() : nullptr,
                     r == 0 ? y[r].data() : y[r].data() + kPast * row,
                     r == 0 ? int64_t(s.tokens) * s.head_dim : s.head_dim,
                     r == 0 ? s.head_dim : int64_t(row),
                     kHeads[r],
                     1e-6f,
                     s.rounding,
                     s.interleaved};
    if (s.f32 && rotates) {
      HeadRole& role = args.roles[r];
      role.cos = role.sin = nullptr;
      role.cos32 = cos32.data();
      role.sin32 = sin32.data();
    }
    for (const int slot : {int(HeadsTap::kCos), int(HeadsTap::kRotSin)}) {
      slots32.emplace_back(count);
      if (s.f32) tap.slots[int(r) * HeadsTap::kCount + slot] = slots32.back().data();
    }
  }
  twin::heads(args, taps ? &tap : nullptr, threads, nullptr);
  Result result;
  for (size_t r = 0; r < 3; ++r) {
    const std::vector<bf16> out = y[r].values();
    result[r].y = r == 0 ? out : by_head(out, s.tokens, kHeads[r], s.head_dim);
    result[r].rstd = rstd[r].values();
    result[r].norm_out = slots[5 * r].values();
    result[r].heads = slots[5 * r + 1].values();
    result[r].cos = slots[5 * r + 2].values();
    result[r].rot_sin = slots[5 * r + 3].values();
    result[r].cos32 = slots32[2 * r].values();
    result[r].rot_sin32 = slots32[2 * r + 1].values();
    if (taps) require_same_bits(result[r].y, slots[5 * r + 4].values(), "rotated");
  }
  return result;
}

void check(const Setup& setup, const std::string& what) {
  const Inputs inputs(setup);
  const Result actual = run(setup, inputs, 128, true);
  for (size_t r = 0; r < 3; ++r) {
    const RoleResult expected = expect_role(setup, inputs, r);
    const std::string name = what + ", role " + std::to_string(r);
    require_same_bits(expected.y, actual[r].y, name);
    require_same_bits(expected.heads, actual[r].heads, name + " heads");
    if (!expected.rstd.empty()) require_same_bits(expected.rstd, actual[r].rstd, name + " rstd");
    if (!expected.norm_out.empty()) require_same_bits(expected.norm_out, actual[r].norm_out, name + " norm");
    if (r == 2) continue;
    if (setup.f32) {
      require_same_bits(expected.cos32, actual[r].cos32, name + " cos");
      require_same_bits(expected.rot_sin32, actual[r].rot_sin32, name + " rot_sin");
      continue;
    }
    require_same_bits(expected.cos, actual[r].cos, name + " cos");
    require_same_bits(expected.rot_sin, actual[r].rot_sin, name + " rot_sin");
  }
}

}  // namespace

TEST_CASE("heads equals norm, rotation and cache append in plain loops", "[kernel]") {
  check({.tokens = 1, .head_dim = 128}, "one token");
  check({.tokens = 5, .head_dim = 32}, "five tokens");
  check({.tokens = 19, .head_dim = 32}, "more heads than few");
  check({.tokens = 3, .head_dim = 10}, "ten channels");
  check({.tokens = 4, .head_dim = 64, .interleaved = true}, "interleaved pairs");
  check({.tokens = 4, .head_dim = 64, .interleaved = true, .q_norm = false, .k_norm = false, .f32 = true},
        "interleaved pairs in f32");
  check({.tokens = 19, .head_dim = 20, .f32 = true}, "halves in f32, norms before");
  check({.tokens = 4, .k_norm = false}, "no key norm");
  check({.tokens = 4, .q_norm = false, .k_norm = false}, "no norms");
  check({.tokens = 4, .rounding = NormRounding::one}, "one rounding");
}

TEST_CASE("heads gives the same bits for any block size and with or without taps", "[kernel]") {
  const Setup setup{.tokens = 19, .head_dim = 48};  // 152 heads: more than take a block each
  const Inputs inputs(setup);
  const Result expected = run(setup, inputs, 128, false);
  for (const int threads : {32, 96, 256}) {
    const Result actual = run(setup, inputs, threads, true);
    for (size_t r = 0; r < 3; ++r) require_same_bits(expected[r].y, actual[r].y, "role");
  }
}

TEST_CASE("f32 heads are normed from all their bits, and as bf16 heads where they hold such values", "[kernel]") {
  const Setup setup{.tokens = 3, .head_dim = 32, .rounding = NormRounding::one};
  const Inputs inputs(setup);
  const Result expected = run(setup, inputs, 128, true);
  std::vector<float> wide, nudged;
  for (const bf16 value : inputs.x[0]) {
    wide.push_back(widen(value));
    // Below half a unit of bf16 (2^-9 = 0.00195 at least): rounded first, none of it would be left.
    nudged.push_back(wide.back() * (wide.size() % 2 == 0 ? 1.0018f : 0.9990f));
  }
  const auto q_of = [&](const std::vector<float>& values) {
    const Array<float> x(values);
    const Array<bf16> k(inputs.x[1]), v(inputs.x[2]), weight(inputs.q_weight);
    Array<bf16> q(values.size()), k_out(inputs.x[1].size()), v_out(inputs.x[2].size());
    const auto copied = [&](const Array<bf16>& from, Array<bf16>& to, int heads) {
      return twin::HeadRole{from.data(),         nullptr, nullptr, nullptr,           to.data(), 32,
                            int64_t(heads) * 32, heads,   0.0f,    NormRounding::two, false};
    };
    const twin::HeadRole normed{nullptr, weight.data(), nullptr, nullptr,           q.data(), 3 * 32,
                                32,      kHeads[0],     1e-6f,   NormRounding::one, false,    x.data()};
    twin::heads({{normed, copied(k, k_out, kHeads[1]), copied(v, v_out, kHeads[2])}, 3, 32}, nullptr, 64, nullptr);
    return q.values();
  };
  const std::vector<bf16> same = q_of(wide), other = q_of(nudged);
  require_same_bits(expected[0].heads, same, "heads before rotation");
  size_t moved = 0;
  for (size_t i = 0; i < same.size(); ++i) {
    const int places = std::abs(int(same[i].bits) - int(other[i].bits));
    CHECK(places <= 1);
    moved += places == 1;
  }
  CHECK(moved > same.size() / 10);
}

TEST_CASE("heads leaves the cache's earlier rows alone", "[kernel]") {
  const Setup setup{.tokens = 2, .head_dim = 16};
  const Inputs inputs(setup);
  const Array<bf16> x(inputs.x[2]);
  Array<bf16> q(inputs.x[0].size()), k(size_t((kPast + 2) * 2 * 16)), v(size_t((kPast + 2) * 2 * 16));
  const Array<bf16> qx(inputs.x[0]), kx(inputs.x[1]);
  const auto role = [](const bf16* from, bf16* to, int heads) {
    return twin::HeadRole{from,  nullptr, nullptr,           nullptr, to, 16, int64_t(heads) * 16,
                          heads, 0.0f,    NormRounding::two, false};
  };
  twin::heads({{role(qx.data(), q.data(), 4), role(kx.data(), k.data() + kPast * 32, 2),
                role(x.data(), v.data() + kPast * 32, 2)},
               2,
               16},
              nullptr, 128, nullptr);
  const std::vector<bf16> cache = v.values();
  for (size_t i = 0; i < kPast * 32; ++i) CHECK(is_poison(cache[i]));
  require_same_bits(inputs.x[2], std::vector<bf16>(cache.begin() + kPast * 32, cache.end()), "values");
}

TEST_CASE("heads refuses a norm that keeps f32, f32 without a norm, and an odd head_dim that rotates", "[kernel]") {
  Array<bf16> memory(size_t(256));
  const twin::HeadRole plain{memory.data(), nullptr,           nullptr, nullptr, memory.data(), 8, 8, 1,
                             1e-6f,         NormRounding::two, false};
  twin::HeadsArgs args{{plain, plain, plain}, 1, 8};
  args.roles[0].norm_weight = memory.data();
  args.roles[0].rounding = NormRounding::none;
  CHECK_THROWS_AS(twin::heads(args, nullptr, 128, nullptr), BackendError);
  args = {{plain, plain, plain}, 1, 7};
  args.roles[1].cos = args.roles[1].sin = memory.data();
  CHECK_THROWS_AS(twin::heads(args, nullptr, 128, nullptr), BackendError);
  const Array<float> wide(size_t(256));
  args = {{plain, plain, plain}, 1, 8};
  args.roles[2].x = nullptr;
  args.roles[2].x32 = wide.data();
  CHECK_THROWS_AS(twin::heads(args, nullptr, 128, nullptr), BackendError);
}

}  // namespace plumbline::test
