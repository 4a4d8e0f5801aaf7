// SPDX-License-Identifier: Apache-2.0
// rmsnorm under its three contracts against plain loops, bit for bit.
#include "cuda/rmsnorm/rmsnorm.h"

#include <plumbline/error.h>

#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {
namespace {

using twin::NormRounding;
using twin::NormTap;

struct Taps {
  std::vector<float> x32, var, rstd, n32;
  std::vector<bf16> n;
};
struct Result {
  std::vector<bf16> y;
  std::vector<float> y32;
  Taps taps;
};

Result run(const std::vector<bf16>& x, const std::vector<bf16>& weight, NormRounding rounding, float eps, int threads,
           bool taps) {
  const size_t columns = weight.size(), rows = x.size() / columns;
  const Array<bf16> x_array(x), weight_array(weight);
  Array<bf16> y(x.size()), n(x.size());
  Array<float> y32(x.size()), x32(x.size()), n32(x.size()), var(rows), rstd(rows);
  twin::RecordTap tap;
  tap.slots[NormTap::kX32] = x32.data();
  tap.slots[NormTap::kVar] = var.data();
  tap.slots[NormTap::kRstd] = rstd.data();
  tap.slots[NormTap::kN32] = n32.data();
  tap.slots[NormTap::kN] = n.data();
  const bool f32 = rounding == NormRounding::none;
  twin::rmsnorm({x_array.data(), weight_array.data(), f32 ? static_cast<void*>(y32.data()) : y.data(), int(rows),
                 int(columns), eps, rounding},
                taps ? &tap : nullptr, threads, nullptr);
  return {y.values(), y32.values(), {x32.values(), var.values(), rstd.values(), n32.values(), n.values()}};
}

void check_against_host(const std::vector<bf16>& x, const std::vector<bf16>& weight, NormRounding rounding,
                        const Result& actual, const std::string& what) {
  const size_t columns = weight.size();
  std::vector<bf16> out, n;
  std::vector<float> out32, n32, var, rstd, x32;
  for (size_t row = 0; row < x.size() / columns; ++row) {
    const HostNorm norm =
        host_norm(x.data() + row * columns, weight.data(), int(columns), 1e-6f, rounding == NormRounding::two);
    out.insert(out.end(), norm.out.begin(), norm.out.end());
    out32.insert(out32.end(), norm.out32.begin(), norm.out32.end());
    n.insert(n.end(), norm.n.begin(), norm.n.end());
    n32.insert(n32.end(), norm.n32.begin(), norm.n32.end());
    var.push_back(norm.var);
    rstd.push_back(norm.rstd);
  }
  for (const bf16 value : x) x32.push_back(widen(value));
  rounding == NormRounding::none ? require_same_bits(out32, actual.y32, what) : require_same_bits(out, actual.y, what);
  require_same_bits(x32, actual.taps.x32, what + ", x32");
  require_same_bits(var, actual.taps.var, what + ", var");
  require_same_bits(rstd, actual.taps.rstd, what + ", rstd");
  require_same_bits(n32, actual.taps.n32, what + ", n32");
  if (rounding == NormRounding::two) require_same_bits(n, actual.taps.n, what + ", n");
}

constexpr NormRounding kRoundings[] = {NormRounding::two, NormRounding::one, NormRounding::none};

}  // namespace

TEST_CASE("rmsnorm equals the declared order and roundings for any width", "[kernel]") {
  for (const int columns : {1, 3, 4, 31, 100, 127, 128, 129, 256, 500}) {
    for (const int rows : {1, 5, 17}) {
      Random random(uint64_t(columns * 100 + rows));
      const auto x = random.bf16s(size_t(rows * columns), 4.0f), weight = random.bf16s(size_t(columns), 2.0f);
      for (const NormRounding rounding : kRoundings) {
        check_against_host(x, weight, rounding, run(x, weight, rounding, 1e-6f, 128, true),
                           std::to_string(rows) + "x" + std::to_string(columns));
      }
    }
  }
}

TEST_CASE("the three contracts of rmsnorm differ where they should", "[kernel]") {
  Random random(5);
  const auto x = random.bf16s(4096), weight = random.bf16s(256);
  const Result two = run(x, weight, NormRounding::two, 1e-6f, 128, false),
               one = run(x, weight, NormRounding::one, 1e-6f, 128, false);
  size_t differing = 0;
  for (size_t i = 0; i < x.size(); ++i) differing += two.y[i].bits != one.y[i].bits;
  // A second rounding moves about a quarter of the outputs by one ulp.
  CHECK(differing > x.size() / 8);
  CHECK(differing < x.size() / 2);
}

TEST_CASE("rmsnorm gives the same bits for any block size, number of rows, and with or without taps", "[kernel]") {
  Random random(6);
  const auto x = random.bf16s(9 * 200), weight = random.bf16s(200);
  for (const NormRounding rounding : kRoundings) {
    const Result expected = run(x, weight, rounding, 1e-6f, 128, false);
    for (const int threads : {32, 256}) {
      const Result actual = run(x, weight, rounding, 1e-6f, threads, true);
      rounding == NormRounding::none ? require_same_bits(expected.y32, actual.y32, "f32")
                                     : require_same_bits(expected.y, actual.y, "bf16");
    }
    const std::vector<bf16> last_row(x.end() - 200, x.end());
    const Result alone = run(last_row, weight, NormRounding::two, 1e-6f, 128, false);
    const Result together = run(x, weight, NormRounding::two, 1e-6f, 128, false);
    require_same_bits(std::vector<bf16>(together.y.end() - 200, together.y.end()), alone.y, "one row");
  }
}

TEST_CASE("rmsnorm floods nothing: overflow gives zeros, NaN its own row only", "[kernel]") {
  Random random(7);
  auto x = random.bf16s(3 * 128);
  const auto weight = random.bf16s(128);
  const Result clean = run(x, weight, NormRounding::two, 1e-6f, 128, true);
  for (size_t c = 0; c < 128; ++c) x[c] = twin::to_bf16(1e30f);
  x[128 + 5] = bf16{0x7FC0};
  const Result result = run(x, weight, NormRounding::two, 1e-6f, 128, true);
  CHECK(std::isinf(result.taps.var[0]));
  CHECK(result.taps.rstd[0] == 0.0f);
  for (size_t c = 0; c < 128; ++c) {
    CHECK((result.y[c].bits & 0x7FFF) == 0);
    CHECK(result.y[128 + c].bits == 0x7FFF);
    CHECK(result.y[256 + c].bits == clean.y[256 + c].bits);
  }
  const Result zeros = run(std::vector<bf16>(16, bf16{0}), random.bf16s(16), NormRounding::two, 0.0f, 32, true);
  CHECK(std::isinf(zeros.taps.rstd[0]));
  CHECK(zeros.y[0].bits == 0x7FFF);
}

}  // namespace plumbline::test
