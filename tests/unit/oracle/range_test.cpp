// SPDX-License-Identifier: Apache-2.0
// The range of every declared type holds: what overflows in f32 overflows here, what is not finite stays what it is,
// and where the order of a sum decides, both results are right.
#include <cmath>
#include <limits>

#include <plumbline/error.h>

#include "cases.h"
#include "oracle/judge.h"
#include "support/catch.h"

using namespace plumbline;
using namespace plumbline::test;

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
  CHECK(std::isinf(close.bound[0]));
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
  CHECK(std::isinf(past.bound[0]));
  CHECK(std::isinf(past.bound[1]));  // 2^127 - 2^127 is 0, or infinity if a partial product overflows with others
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
