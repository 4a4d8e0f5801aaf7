// SPDX-License-Identifier: Apache-2.0
// Invariant: qkv.h. Eager is what reference/norm.cpp and reference/linear.cpp call.
#include "bench/qkv.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/rsqrt.h>

#include <bit>
#include <cmath>
#include <stdexcept>

#include "bench/fused_qkv.h"
#include "bench/timing.h"

namespace plumbline::bench {
namespace {

constexpr int kHidden = 1024;
constexpr std::array<int, 3> kColumns = {2048, 1024, 1024};
constexpr double kEps = 1e-6;
constexpr double kPeakTflops = 989;  // bf16, dense: data sheets of H100 SXM and H200 SXM
constexpr size_t kSets = 28;         // as many as layers: 235 MB, more than the L2 holds

at::Tensor random(at::IntArrayRef shape, double scale) {
  return (at::randn(shape, at::TensorOptions().device(at::kCUDA).dtype(at::kFloat)) * scale).to(at::kBFloat16);
}

struct Tensors {
  at::Tensor norm_weight = random({kHidden}, 1.0);
  std::vector<std::array<at::Tensor, 3>> weights;
  std::array<at::Tensor, 3> y;
  at::Tensor normed;
};

using Projected = std::array<at::Tensor, 3>;

Projected eager(const at::Tensor& x, const Tensors& tensors, size_t set) {
  const at::Tensor x32 = x.to(at::kFloat);
  const at::Tensor var = at::mean(at::pow(x32, 2), at::IntArrayRef{-1}, /*keepdim=*/true);
  const at::Tensor n = tensors.norm_weight * (x32 * at::rsqrt(var + kEps)).to(at::kBFloat16);
  const auto& weights = tensors.weights[set];
  return {at::linear(n, weights[0]), at::linear(n, weights[1]), at::linear(n, weights[2])};
}

/// As cuda/pipeline/torch_orders.h has it for 1024 columns.
int mean_lanes(int rows) { return std::min(256, 512 / std::min(int(std::bit_floor(unsigned(rows))), 16)); }

QkvProblem problem_of(const at::Tensor& x, const Tensors& tensors, size_t sets) {
  QkvProblem problem{int(x.size(0)),
                     kHidden,
                     kColumns,
                     float(kEps),
                     mean_lanes(int(x.size(0))),
                     x.data_ptr(),
                     tensors.norm_weight.data_ptr(),
                     {},
                     {},
                     tensors.normed.data_ptr()};
  for (size_t set = 0; set < sets; ++set) {
    const auto& weights = tensors.weights[set];
    problem.weights.push_back({weights[0].data_ptr(), weights[1].data_ptr(), weights[2].data_ptr()});
  }
  for (size_t i = 0; i < 3; ++i) problem.y[i] = tensors.y[i].data_ptr();
  return problem;
}

/// Differing outputs over inputs of scale 0.01 to 100.
int64_t differing(int rows, const Tensors& tensors, int inputs, int64_t& compared) {
  int64_t bad = 0;
  for (int i = 0; i < inputs; ++i) {
    const at::Tensor x = random({rows, kHidden}, std::pow(10.0, -2.0 + 4.0 * i / inputs));
    const size_t set = static_cast<size_t>(i) % kSets;
    const Projected expected = eager(x, tensors, set);
    run_qkv(problem_of(x, tensors, kSets), set);
    for (size_t p = 0; p < 3; ++p) {
      compared += expected[p].numel();
      bad += expected[p].view(at::kShort).ne(tensors.y[p].view(at::kShort)).sum().item<int64_t>();
    }
  }
  return bad;
}

nlohmann::json entry(int rows, double rate) {
  Tensors tensors;
  for (size_t set = 0; set < kSets; ++set)
    tensors.weights.push_back({random({kColumns[0], kHidden}, 0.05), random({kColumns[1], kHidden}, 0.05),
                               random({kColumns[2], kHidden}, 0.05)});
  for (size_t i = 0; i < 3; ++i) tensors.y[i] = random({rows, kColumns[i]}, 1.0);
  tensors.normed = random({rows, kHidden}, 1.0);
  int64_t compared = 0;
  const int64_t bad = differing(rows, tensors, rows == 1 ? 200 : 28, compared);
  if (bad != 0) throw std::runtime_error(std::to_string(bad) + " of " + std::to_string(compared) + " outputs differ");
  const at::Tensor x = random({rows, kHidden}, 1.0);
  const nlohmann::json cached = spread(time_qkv(problem_of(x, tensors, 1), 100, 30)),
                       streamed = spread(time_qkv(problem_of(x, tensors, kSets), 112, 30)),
                       ours = spread(time_calls([&] { run_qkv(problem_of(x, tensors, 1), 0); }, 100, 10)),
                       torch = spread(time_calls([&] { eager(x, tensors, 0); }, 100, 10));
  const double bytes = 2.0 * kHidden * (kColumns[0] + kColumns[1] + kColumns[2]);
  const double tflops = 2e-12 * rows * kHidden * 4096 / (median(cached) * 1e-6);
  return {{"part", "qkv"},
          {"rows", rows},
          {"outputs_compared", compared},
          {"outputs_differing", bad},
          {"graph_us", cached},
          {"graph_from_hbm_us", streamed},
          {"single_call_with_wait_us", ours},
          {"eager_cpp_us", torch},
          {"speedup_over_eager_cpp", median(torch) / median(cached)},
          {"hbm_bytes_per_second", bytes / (median(streamed) * 1e-6)},
          {"copy_bytes_per_second", rate},
          {"part_of_bandwidth", bytes / (median(streamed) * 1e-6) / rate},
          {"tflops", tflops},
          {"peak_tflops", kPeakTflops},
          {"part_of_peak", tflops / kPeakTflops}};
}

}  // namespace

nlohmann::json qkv_entries() {
  nlohmann::json entries = nlohmann::json::array();
  const double rate = copy_rate();
  for (const int rows : {1, 4, 16, 64, 128, 512}) entries.push_back(entry(rows, rate));
  return entries;
}

}  // namespace plumbline::bench
