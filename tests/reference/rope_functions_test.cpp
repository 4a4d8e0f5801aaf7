// SPDX-License-Identifier: Apache-2.0
// powf/sleef against LibTorch itself: the frequencies of every rope that has whole vectors, and random powers.
#include <ATen/ops/arange.h>
#include <ATen/ops/div.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/sub.h>

#include <bit>

#include "cuda/pipeline/torch_functions.h"
#include "support/catch.h"

namespace {

void check_powers(double base, const at::Tensor& exponents) {
  const at::Tensor expected = at::pow(at::Scalar(base), exponents);
  int64_t unlike = 0;
  for (int64_t i = 0; i < exponents.numel(); ++i) {
    const float ours = plumbline::torch_cpu_pow(static_cast<float>(base), exponents.data_ptr<float>()[i]);
    unlike += std::bit_cast<uint32_t>(ours) != std::bit_cast<uint32_t>(expected.data_ptr<float>()[i]);
  }
  CAPTURE(base, exponents.numel());
  CHECK(unlike == 0);
}

}  // namespace

TEST_CASE("powf/sleef gives the bits of LibTorch's vectorised pow on the CPU") {
  for (const double theta : {1e4, 5e5, 1e6, 2e5, 1e7, 150000.0, 8e6, 321.5, 1.5}) {
    for (const int64_t dim : {64, 128, 256})
      check_powers(theta, at::div(at::arange(0, dim, 2, at::TensorOptions().dtype(at::kFloat)), at::Scalar(dim)));
    check_powers(theta, at::sub(at::rand({4096}), at::Scalar(0.5)));
  }
}
