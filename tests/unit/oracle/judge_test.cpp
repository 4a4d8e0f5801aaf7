// SPDX-License-Identifier: Apache-2.0
// Planted mistakes fail, each at the gate that can see it; what is right passes, down to a single element.
#include "oracle/judge.h"

#include <cmath>
#include <limits>

#include <plumbline/error.h>

#include "support/catch.h"
#include "trial/cases.h"

using namespace plumbline;
using namespace plumbline::trial;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Tensor store(DType dtype, const Shape& shape, const std::vector<float>& values) {
  return Tensor::from_values(dtype, shape, std::vector<double>(values.begin(), values.end()));
}

Case norm_case(uint64_t seed, double size, Shape shape = {1, 32, 1024}) {
  Generator g(seed);
  Case c;
  c.op = make_op(OpKind::rmsnorm, {{"eps", 1e-6}, {"heads", int64_t{0}}});
  const int64_t width = shape.back();
  c.in.inputs.push_back(g.array(Data::normal, std::move(shape)));
  for (double& x : c.in.inputs[0].values) x = round_to(DType::bf16, x * size);
  c.in.parameters.push_back(g.array(Data::normal, {width}));
  return c;
}

/// What an implementation of `actual` gives, judged under `contract`.
Judgement judged(const Case& expected, std::string_view contract, const Case& actual,
                 std::string_view actual_contract) {
  const std::vector<Evaluated> oracle = evaluate(expected.op, find_contract(contract), expected.in, DType::bf16);
  const std::vector<float> values = run(actual, find_contract(actual_contract), Order::lanes).at(0);
  return judge(oracle[0], store(oracle[0].dtype, oracle[0].exact.shape, values).view());
}

}  // namespace

TEST_CASE("a norm that rounds once instead of twice fails, and passes under the contract that it keeps") {
  const Case c = norm_case(1, 1.0);
  CHECK(judged(c, "rmsnorm/llama", c, "rmsnorm/llama").passed);
  const Judgement single = judged(c, "rmsnorm/llama", c, "rmsnorm/olmo");
  CHECK_FALSE(single.passed);
  // A quarter of all elements, one place each (numerics: 0.259).
  CHECK(single.mismatch_fraction() == Approx(0.26).margin(0.03));
  CHECK(single.mismatches > 50 * single.allowed_mismatches);
  CHECK(judged(c, "rmsnorm/olmo", c, "rmsnorm/olmo").passed);
  CHECK_FALSE(judged(c, "rmsnorm/olmo", c, "rmsnorm/llama").passed);
}

// At a mean square of 1 the same mistake changes results by 4.5e-6 of their size: less than orders of the sum may do.
TEST_CASE("a wrong eps fails wherever it changes more than an order of summation can") {
  for (const double size : {0.55, 0.1, 0.01}) {  // mean squares 0.3, 1e-2, 1e-4
    CAPTURE(size);
    const Case c = norm_case(2, size);
    Case wrong = c;
    wrong.op.attributes["eps"] = 1e-5;
    const Judgement j = judged(c, "rmsnorm/llama", wrong, "rmsnorm/llama");
    CAPTURE(j.mismatches, j.expected_mismatches, j.allowed_mismatches, j.worst_ratio);
    CHECK_FALSE(j.passed);
    CHECK(j.mismatches > 0);
  }
}

// Relative error 9e-6 / (2 * 0.13) = 3.5e-5: 580 units of f32, a 110th of a bf16 place. The sum of 4096 squares alone
// may be off by more, so no bound is passed; and it drowns in the output's own rounding, 1.7e-3 of the results.
TEST_CASE("an eps of 1e-5 for 1e-6 is caught by the mismatch gate alone") {
  const Case c = norm_case(6, 0.36, {1, 32, 4096});
  Case wrong = c;
  wrong.op.attributes["eps"] = 1e-5;
  const Judgement right = judged(c, "rmsnorm/olmo", c, "rmsnorm/olmo"),
                  j = judged(c, "rmsnorm/olmo", wrong, "rmsnorm/olmo");
  CAPTURE(j.mismatches, j.expected_mismatches, j.allowed_mismatches, j.worst_ratio);
  CHECK(right.passed);
  CHECK(j.bound_breaches == 0);
  CHECK(j.failed == Gate::mismatch);
  CHECK(j.relative_l2 < 1.01 * right.relative_l2);  // what a ratio of rms errors sees
}

TEST_CASE("one wrong weight, and products that round between blocks, fail a linear") {
  Generator g(3);
  Case c;
  c.op = make_op(OpKind::linear, {});
  c.in.inputs.push_back(g.array(Data::normal, {1, 16, 512}));
  c.in.parameters.push_back(g.array(Data::normal, {64, 512}));
  CHECK(judged(c, "linear/f32acc", c, "linear/f32acc").passed);

  Case wrong = c;
  wrong.in.parameters[0].values[5 * 512 + 77] += 1.0;
  const Judgement one = judged(c, "linear/f32acc", wrong, "linear/f32acc");
  CHECK(one.failed == Gate::bound);
  CHECK(one.worst_index % 64 == 5);  // the output channel of that row

  // bf16 partial sums of four blocks: right by size, wrong by contract.
  const std::vector<Evaluated> oracle = evaluate(c.op, find_contract("linear/f32acc"), c.in, DType::bf16);
  std::vector<float> values(16 * 64, 0.0f);
  for (int64_t block = 0; block < 4; ++block) {
    Case part = c;
    for (size_t i = 0; i < part.in.inputs[0].values.size(); ++i)
      if (static_cast<int64_t>(i) % 512 / 128 != block) part.in.inputs[0].values[i] = 0.0;
    const std::vector<float> sums = run(part, find_contract("linear/f32acc"), Order::chain).at(0);
    for (size_t i = 0; i < values.size(); ++i) values[i] += rounded(DType::bf16, sums[i]);
  }
  const Judgement split = judge(oracle[0], store(DType::bf16, {1, 16, 64}, values).view());
  CHECK_FALSE(split.passed);
  CHECK(split.mismatch_fraction() > 0.3);
}

TEST_CASE("a mask that is off by one fails at the masks or the bound, a skipped mask too") {
  Generator g(4);
  Case c;
  c.op = make_op(OpKind::causal_mask, {{"offset", int64_t{0}}});
  c.in.inputs.push_back(g.array(Data::normal, {1, 2, 8, 8}));
  CHECK(judged(c, "attention/eager", c, "attention/eager").passed);
  for (const int64_t window : {1, 5, 8}) {
    Case right = c, wrong = c;
    right.op.attributes["window"] = window;
    CHECK(judged(right, "attention/eager", right, "attention/eager").passed);
    wrong.op.attributes["window"] = window - 1 > 0 ? window - 1 : window + 1;
    CHECK(judged(right, "attention/eager", wrong, "attention/eager").failed == Gate::bound);
  }
  for (const int64_t offset : {1, -1, 100}) {
    Case wrong = c;
    wrong.op.attributes["offset"] = offset;
    const Judgement j = judged(c, "attention/eager", wrong, "attention/eager");
    CHECK(j.failed == Gate::bound);
  }
}

TEST_CASE("masks come first: NaN, infinity and format") {
  const Case c = norm_case(5, 1.0, {1, 2, 64});
  const std::vector<Evaluated> oracle = evaluate(c.op, find_contract("rmsnorm/llama"), c.in, DType::bf16);
  std::vector<double> values = oracle[0].rounded;
  CHECK(judge(oracle[0], Tensor::from_values(DType::bf16, {1, 2, 64}, values).view()).passed);
  const Judgement format = judge(oracle[0], Tensor::from_values(DType::f32, {1, 2, 64}, values).view());
  CHECK(format.failed == Gate::masks);
  CHECK_FALSE(format.format_matches);
  for (const double bad : {kInf, -kInf, std::numeric_limits<double>::quiet_NaN()}) {
    values = oracle[0].rounded;
    values[100] = bad;
    const Judgement j = judge(oracle[0], Tensor::from_values(DType::bf16, {1, 2, 64}, values).view());
    CHECK(j.failed == Gate::masks);
    CHECK(j.mask_index == 100);
  }
  CHECK_THROWS_AS(judge(oracle[0], Tensor(DType::bf16, {2, 64}).view()), ShapeError);
  const std::vector<Evaluated> bare = evaluate(c.op, find_contract("rmsnorm/llama"), c.in, DType::bf16,
                                               {.bounds = false, .inner = false, .threads = 1});
  CHECK_THROWS_AS(judge(bare[0], Tensor(DType::bf16, {1, 2, 64}).view()), InputError);
}

TEST_CASE("judging nothing never passes") {
  Case c;
  c.op = make_op(OpKind::add, {});
  c.in.inputs = {{{1, 0, 8}, {}}, {{1, 0, 8}, {}}};
  const std::vector<Evaluated> oracle = evaluate(c.op, find_contract("add/rounded"), c.in, DType::bf16);
  const Judgement j = judge(oracle[0], Tensor(DType::bf16, {1, 0, 8}).view());
  CHECK_FALSE(j.passed);
  CHECK(j.failed == Gate::none);
}

TEST_CASE("one place off is seen even in one element, if its rounding can go only one way") {
  Case c;
  c.op = make_op(OpKind::add, {});
  c.in.inputs = {{{1, 1, 1}, {1.0}}, {{1, 1, 1}, {0.5}}};
  const std::vector<Evaluated> oracle = evaluate(c.op, find_contract("add/rounded"), c.in, DType::bf16);
  CHECK(oracle[0].bitwise);
  CHECK(judge(oracle[0], Tensor::from_values(DType::bf16, {1, 1, 1}, std::vector<double>{1.5}).view()).passed);
  CHECK_FALSE(
      judge(oracle[0], Tensor::from_values(DType::bf16, {1, 1, 1}, std::vector<double>{1.5 + 0x1p-7}).view()).passed);
}
