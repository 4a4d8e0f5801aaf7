// SPDX-License-Identifier: Apache-2.0
// The fused kernel against its parts (which are tested on their own against plain loops), bit for bit.
#include <plumbline/dtype.h>
#include <plumbline/error.h>

#include "kernel/rmsnorm_qkv/problem.h"

namespace plumbline::test {
namespace {

constexpr NormRounding kRoundings[] = {NormRounding::two, NormRounding::one, NormRounding::none};

}  // namespace

TEST_CASE("rmsnorm_qkv equals rmsnorm followed by three linear, taps included", "[kernel]") {
  const int shapes[][2] = {{1, 64}, {16, 128}, {17, 100}, {5, 31}, {17, 72}, {70, 136}};
  for (const auto& shape : shapes) {
    const Problem problem(shape[0], shape[1], 21);
    for (const NormRounding rounding : kRoundings) {
      for (const bool bias : {false, true}) {
        const Result expected = run_parts(problem, rounding, bias),
                     actual = run_fused(problem, rounding, bias, 128, true);
        for (int i = 0; i < 3; ++i) require_same_bits(expected.y[i], actual.y[i], "projection");
        require_same_bits(expected.x32, actual.x32, "x32");
        require_same_bits(expected.var, actual.var, "var");
        require_same_bits(expected.rstd, actual.rstd, "rstd");
        require_same_bits(expected.n32, actual.n32, "n32");
        if (rounding == NormRounding::two) require_same_bits(expected.n, actual.n, "n");
        rounding == NormRounding::none ? require_same_bits(expected.out32, actual.out32, "out")
                                       : require_same_bits(expected.out, actual.out, "out");
      }
    }
  }
}

TEST_CASE("rmsnorm_qkv gives the same bits for any block size and with or without taps", "[kernel]") {
  const Problem problem(18, 96, 22);
  for (const NormRounding rounding : kRoundings) {
    const Result expected = run_fused(problem, rounding, true, 128, false);
    for (const int threads : {32, 64, 256}) {
      const Result actual = run_fused(problem, rounding, true, threads, threads != 64);
      for (int i = 0; i < 3; ++i) require_same_bits(expected.y[i], actual.y[i], "projection");
    }
  }
}

TEST_CASE("a projection that keeps f32 has the value that is rounded otherwise, beside projections that round",
          "[kernel]") {
  const Problem problem(18, 96, 24);
  for (const NormRounding rounding : kRoundings) {
    const Result rounded = run_fused(problem, rounding, true, 128, false);
    Array<float> kept(rounded.y[0].size());
    Array<bf16> k(rounded.y[1].size()), v(rounded.y[2].size());
    twin::RmsNormQkvArgs args{
        {problem.x.data(), problem.weight.data(), problem.rows, problem.depth, 1e-6f}, rounding, {}};
    args.projections[0] = {problem.w[0].data(), problem.bias[0].data(), nullptr, kColumns[0], kept.data()};
    args.projections[1] = {problem.w[1].data(), problem.bias[1].data(), k.data(), kColumns[1]};
    args.projections[2] = {problem.w[2].data(), problem.bias[2].data(), v.data(), kColumns[2]};
    twin::rmsnorm_qkv(args, nullptr, 64, nullptr);
    std::vector<bf16> narrowed;
    size_t more = 0;
    for (const float value : kept.values()) {
      narrowed.push_back(twin::to_bf16(value));
      more += widen(narrowed.back()) != value;
    }
    CHECK(more > narrowed.size() / 2);  // f32 has 16 bits more: nearly every sum uses them
    require_same_bits(rounded.y[0], narrowed, "q");
    require_same_bits(rounded.y[1], k.values(), "k");
    require_same_bits(rounded.y[2], v.values(), "v");
  }
}

TEST_CASE("operands in TF32 or f16 are those that a conversion gives, and nothing else changes", "[kernel]") {
  Problem problem(18, 96, 25);
  std::vector<bf16> weights = problem.w[0].values();
  // f16 subnormal, below half of its smallest, just under and above its largest, and values that stay as they are.
  const float extremes[] = {0x1.8p-20f, 0x1.fep-26f, -0x1.02p-25f, 65280.0f, 65536.0f, -1e30f, 0.0f, 1.0f};
  for (size_t i = 0; i < 8; ++i) weights[i * 96] = twin::to_bf16(extremes[i]);
  problem.w[0] = Array<bf16>(weights);
  const auto cut = [](float value) { return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0xFFFFE000u); };
  const auto half = [](float value) { return float(round_to(DType::f16, double(value))); };
  for (const Operands operands : {Operands::tf32, Operands::f16}) {
    INFO((operands == Operands::tf32 ? "tf32" : "f16"));
    const auto taken = [&](float value) { return operands == Operands::tf32 ? cut(value) : half(value); };
    const Result actual = run_fused(problem, NormRounding::none, true, 64, true, false, operands),
                 plain = run_fused(problem, NormRounding::none, true, 64, true);
    require_same_bits(plain.out32, actual.out32, "the norm's own output");
    std::vector<float> x;
    for (const float value : plain.out32) x.push_back(taken(value));
    const Array<float> operand(x);
    for (size_t i = 0; i < 3; ++i) {
      std::vector<bf16> w;
      for (const bf16 value : problem.w[i].values()) {
        w.push_back(twin::to_bf16(taken(widen(value))));
        if (std::isfinite(taken(widen(value)))) REQUIRE(widen(w.back()) == taken(widen(value)));
      }
      const Array<bf16> weight(w);
      Array<bf16> y(size_t(problem.rows * kColumns[i]));
      twin::linear({operand.data(), true, weight.data(), problem.bias[i].data(), nullptr, y.data(), problem.rows,
                    kColumns[i], problem.depth},
                   nullptr, 128, nullptr);
      require_same_bits(y.values(), actual.y[i], "projection");
      if (i > 0) {
        size_t moved = 0;
        for (size_t k = 0; k < plain.y[i].size(); ++k) moved += plain.y[i][k].bits != actual.y[i][k].bits;
        CHECK(moved > 0);
      }
    }
  }
  CHECK_THROWS_AS(run_fused(problem, NormRounding::two, false, 64, false, false, Operands::tf32), BackendError);
}

TEST_CASE("rmsnorm_qkv's variants differ from each other by rounding alone", "[kernel]") {
  const Problem problem(16, 128, 23);
  const Result hf = run_fused(problem, NormRounding::two, false, 128, false),
               single = run_fused(problem, NormRounding::one, false, 128, false),
               f32 = run_fused(problem, NormRounding::none, false, 128, false);
  size_t single_differs = 0, f32_differs = 0;
  for (size_t i = 0; i < hf.y[0].size(); ++i) {
    single_differs += hf.y[0][i].bits != single.y[0][i].bits;
    f32_differs += hf.y[0][i].bits != f32.y[0][i].bits;
    // Three roundings of relative size 2^-9 on 128 terms of deviation 0.2: far below 0.1 in every output.
    CHECK(std::abs(widen(hf.y[0][i]) - widen(f32.y[0][i])) < 0.1f);
  }
  CHECK(single_differs > 0);
  CHECK(f32_differs > 0);
}

}  // namespace plumbline::test
