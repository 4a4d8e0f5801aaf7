// SPDX-License-Identifier: Apache-2.0
// The range of every declared type holds: what overflows in f32 overflows here, what is not finite stays what it is,
// and where the order of a sum decides, both results are right.
#include <cmath>
#include <limits>

#include <plumbline/error.h>

#include "oracle/judge.h"
#include "oracle/uncertain.h"
#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

Evaluated one(OpKind kind, std::string_view contract, Attributes attributes, std::vector<Array> inputs,
              std::vector<Array> parameters = {}) {
  static Op op;  // outlives what is returned
  op = make_op(kind, std::move(attributes));
  OpInputs in;
  in.inputs = std::move(inputs);
  in.parameters = std::move(parameters);
  return evaluate(op, find_contract(contract), in, DType::bf16).at(0);
}

Array row(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return {{1, 1, n}, std::move(values)};
}

Array ones(int64_t n) { return {{n}, std::vector<double>(static_cast<size_t>(n), 1.0)}; }

}  // namespace

TEST_CASE("a sum of squares past f32's maximum makes rstd 0 and the norm 0") {
  const Attributes attributes = {{"eps", 1e-6}, {"heads", int64_t{0}}};
  for (const double huge : {0x1p90, 0x1p113}) {  // bf16 values such as an uninitialised bias: 1e27, 1e34
    const Evaluated norm = one(OpKind::rmsnorm, "rmsnorm/llama", attributes, {row({huge, 1.0, -2.0, 0.0})}, {ones(4)});
    for (size_t i = 0; i < 4; ++i) {
      CHECK(norm.rounded[i] == 0.0);
      CHECK(norm.spread[i] == 0.0);
    }
  }
  const Evaluated infinite = one(OpKind::rmsnorm, "rmsnorm/llama", attributes, {row({kInf, 1.0, 2.0})}, {ones(3)});
  CHECK(std::isnan(infinite.rounded[0]));
  CHECK(infinite.rounded[1] == 0.0);
  const Evaluated nan = one(OpKind::rmsnorm, "rmsnorm/llama", attributes, {row({kNan, 1.0, 2.0})}, {ones(3)});
  for (size_t i = 0; i < 3; ++i) CHECK(std::isnan(nan.rounded[i]));
  // 2^64 * 2^64 = 2^128 overflows; 2^63.5 twice gives 2^128 too, right at the edge: either side is right.
  const double edge = round_to(DType::bf16, std::sqrt(0x1p127));
  const Evaluated close =
      one(OpKind::rmsnorm, "rmsnorm/llama", attributes, {row({0x1p63, 0x1p63, 0x1p63, 0x1p63})}, {ones(4)});
  CHECK(close.escapes[0] == kVanishes);
  CHECK(close.bound[0] < 0.01);
  CHECK(edge < 0x1p64);
}

TEST_CASE("a linear keeps NaN and infinity, and leaves sums past the range of f32 open") {
  const Array weight{{2, 2}, {1.0, 1.0, 1.0, -1.0}};
  const Evaluated inf = one(OpKind::linear, "linear/f32acc", {}, {row({kInf, 1.0})}, {weight});
  CHECK(inf.rounded[0] == kInf);
  CHECK(inf.bound[0] == 0.0);
  const Evaluated twice = one(OpKind::linear, "linear/f32acc", {}, {row({kInf, kInf})}, {weight});
  CHECK(twice.rounded[0] == kInf);
  CHECK(std::isnan(twice.rounded[1]));
  const Evaluated past = one(OpKind::linear, "linear/f32acc", {}, {row({0x1p127, 0x1p127})}, {weight});
  CHECK(past.escapes[0] == kOverflows);
  CHECK(past.escapes[1] == kOverflows);  // 2^127 - 2^127 is 0, or infinity if a partial product overflows with others
  CHECK(std::isinf(past.spread[1]));
}

TEST_CASE("near the end of f32's range an overflow is right, and a finite result only within its bound") {
  const Array weight{{2, 2}, {1.0, 1.0, 1.0, -1.0}};
  const Evaluated sum = one(OpKind::linear, "linear/f32acc", {}, {row({0x1p127, 0x1p127})}, {weight});
  const auto judged = [&](double first, double second) {
    return judge(sum, Tensor::from_values(DType::bf16, {1, 1, 2}, std::vector<double>{first, second}).view());
  };
  const Judgement right = judged(kInf, 0.0);
  CHECK(right.passed);
  CHECK(right.decided == 1);
  CHECK(right.undecided == 1);
  CHECK(judged(kInf, 0x1p110).failed == Gate::bound);  // accumulation loses 17 * 2^-25 * 2^128 at most
  CHECK(judged(0x1p126, 0.0).failed == Gate::bound);
  const Judgement open = judged(kNan, kInf);
  CHECK(open.failed == Gate::none);
  CHECK_FALSE(open.passed);
  CHECK(open.empty());

  const Evaluated norm = one(OpKind::rmsnorm, "rmsnorm/llama", {{"eps", 1e-6}, {"heads", int64_t{0}}},
                             {row({0x1p63, 0x1p63, 0x1p63, 0x1p63})}, {ones(4)});
  const auto normed = [&](double all) {
    return judge(norm, Tensor::from_values(DType::bf16, {1, 1, 4}, std::vector<double>(4, all)).view());
  };
  CHECK(normed(1.0).passed);
  CHECK(normed(0.0).empty());
  CHECK(normed(0.5).failed == Gate::bound);
  CHECK(normed(kInf).failed == Gate::masks);
}

TEST_CASE("a product may flush what is subnormal, and nothing else") {
  // 2^-130 is subnormal: x86's bf16 dot product takes it for 0. Beside it a whole term, which no rule lets go.
  const Evaluated sum = one(OpKind::linear, "linear/f32acc", {}, {row({0x1p-130, 0x1p-100})}, {{{1, 2}, {1.0, 1.0}}});
  const Evaluated tiny =
      one(OpKind::linear, "linear/f32acc", {}, {row({0x1p-60, 0x1p-61})}, {{{1, 2}, {0x1p-67, 0.0}}});
  const auto stored = [](const Evaluated& oracle, double value) {
    return judge(oracle, Tensor::from_values(DType::bf16, {1, 1, 1}, std::vector<double>{value}).view());
  };
  CHECK(stored(sum, 0x1p-100).passed);
  CHECK(stored(sum, 0.0).failed == Gate::bound);
  CHECK(stored(tiny, 0x1p-127).passed);
  CHECK(stored(tiny, 0.0).passed);  // the product 2^-127 is below the smallest normal number
  CHECK(stored(tiny, 0x1p-120).failed == Gate::bound);
}

TEST_CASE("what is NaN as it should be passes no gate: nothing was judged") {
  const Evaluated norm =
      one(OpKind::rmsnorm, "rmsnorm/llama", {{"eps", 1e-6}, {"heads", int64_t{0}}}, {row({kNan, 1.0})}, {ones(2)});
  const Judgement j = judge(norm, Tensor::from_values(DType::bf16, {1, 1, 2}, std::vector<double>{kNan, kNan}).view());
  CHECK(j.failed == Gate::none);
  CHECK(j.mask_breaches == 0);
  CHECK(j.empty());
  CHECK_FALSE(j.passed);
}

TEST_CASE("silu underflows where exp overflows f32") {
  const Evaluated silu = one(OpKind::silu, "silu/f32", {}, {row({-88.0, -89.0, -1000.0, -kInf, kInf, 0.0, kNan})});
  CHECK(silu.rounded[0] < 0.0);
  CHECK(silu.rounded[1] == 0.0);
  CHECK(silu.rounded[2] == 0.0);
  CHECK(std::isnan(silu.rounded[3]));
  CHECK(silu.rounded[4] == kInf);
  CHECK(silu.rounded[5] == 0.0);
  CHECK(std::isnan(silu.rounded[6]));
}

TEST_CASE("softmax of NaN, of infinity and of a fully masked row") {
  const double lowest = -max_finite(DType::bf16);
  const Evaluated masked = one(OpKind::softmax, "attention/eager", {}, {row({lowest, lowest, lowest, lowest})});
  for (size_t i = 0; i < 4; ++i) CHECK(masked.rounded[i] == 0.25);
  const Evaluated part = one(OpKind::softmax, "attention/eager", {}, {row({3.0, lowest})});
  CHECK(part.rounded == std::vector<double>{1.0, 0.0});
  CHECK(part.bound[1] < 1e-38);
  for (const double bad : {kNan, kInf}) {
    const Evaluated all = one(OpKind::softmax, "attention/eager", {}, {row({1.0, bad, 5.0})});
    for (size_t i = 0; i < 3; ++i) CHECK(std::isnan(all.rounded[i]));
  }
  const Evaluated minus = one(OpKind::softmax, "attention/eager", {}, {row({-kInf, 0.0})});
  CHECK(minus.rounded == std::vector<double>{0.0, 1.0});
}

TEST_CASE("a number where a product must be NaN breaks the mask") {
  const Evaluated product = one(OpKind::multiply, "multiply/rounded", {}, {row({kNan, 1.0}), row({2.0, 3.0})});
  const std::vector<double> stored{2.0, 3.0};
  CHECK(judge(product, Tensor::from_values(DType::bf16, {1, 1, 2}, stored).view()).failed == Gate::masks);
}

TEST_CASE("rounding to the model's format overflows like the format") {
  const double max = max_finite(DType::bf16);
  const Evaluated sum = one(OpKind::add, "add/rounded", {}, {row({max, max}), row({max, -max})});
  CHECK(sum.rounded[0] == kInf);
  CHECK(sum.rounded[1] == 0.0);
  const Evaluated mask =
      one(OpKind::causal_mask, "attention/eager", {{"offset", int64_t{0}}}, {{{1, 1, 1, 3}, {1.0, 5.0, -0x1p127}}});
  CHECK(mask.rounded == std::vector<double>{1.0, -max, -kInf});
}

TEST_CASE("bad inputs are named, never evaluated") {
  CHECK_THROWS_AS(one(OpKind::add, "multiply/rounded", {}, {row({1}), row({1})}), InputError);
  CHECK_THROWS_AS(one(OpKind::add, "add/rounded", {}, {row({1})}), InputError);
  CHECK_THROWS_AS(one(OpKind::add, "add/rounded", {}, {row({1}), row({1, 2})}), ShapeError);
  CHECK_THROWS_AS(one(OpKind::linear, "linear/f32acc", {}, {row({1, 2, 3})}, {Array{{1, 2}, {1, 1}}}), ShapeError);
  CHECK_THROWS_AS(
      one(OpKind::rmsnorm, "rmsnorm/llama", {{"eps", 1e-6}, {"heads", int64_t{2}}}, {row({1, 2, 3})}, {ones(3)}),
      ShapeError);
  const Array table{{2, 2}, {1, 2, 3, 4}};
  for (const double token : {2.0, -1.0}) {
    CHECK_THROWS_AS(one(OpKind::embedding, "embedding/copy", {{"scale", 1.0}}, {{{1}, {token}}}, {table}), InputError);
  }
  CHECK_THROWS_AS(one(OpKind::embedding, "embedding/copy", {}, {{{1}, {0.0}}}, {table}), InputError);
}
