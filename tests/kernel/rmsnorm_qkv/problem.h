// SPDX-License-Identifier: Apache-2.0
// Inputs of rmsnorm_qkv, and runs of the fused kernel and of its parts on them.
#pragma once
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"

#include "cuda/linear/linear.h"
#include "cuda/rmsnorm/rmsnorm.h"
#include "kernel/support/arrays.h"
#include "kernel/support/host_math.h"

namespace plumbline::test {

using twin::NormRounding;
using twin::NormTap;
using twin::Operands;

inline constexpr int kColumns[3] = {100, 48, 23};

/// Inputs of one shape; the same for the fused kernel and for its parts.
struct Problem {
  int rows, depth;
  Array<bf16> x, weight;
  std::vector<Array<bf16>> w, bias;

  Problem(int m, int k, uint64_t seed) : Problem(m, k, Random(seed)) {}

 private:
  Problem(int m, int k, Random random)
      : rows(m), depth(k), x(random.bf16s(size_t(m * k), 3.0f)), weight(random.bf16s(size_t(k))) {
    for (const int n : kColumns) {
      w.emplace_back(random.bf16s(size_t(n * k), 0.2f));
      bias.emplace_back(random.bf16s(size_t(n)));
    }
  }
};

/// q, k, v and the norm's taps; `out` in the norm's own format.
struct Result {
  std::vector<bf16> y[3], n, out;
  std::vector<float> x32, var, rstd, n32, out32;
};

struct NormTaps {
  Array<float> x32, var, rstd, n32, out32;
  Array<bf16> n, out;
  twin::RecordTap record;

  NormTaps(const Problem& p, NormRounding rounding)
      : x32(count(p)),
        var(size_t(p.rows)),
        rstd(size_t(p.rows)),
        n32(count(p)),
        out32(count(p)),
        n(count(p)),
        out(count(p)) {
    record.slots[NormTap::kX32] = x32.data();
    record.slots[NormTap::kVar] = var.data();
    record.slots[NormTap::kRstd] = rstd.data();
    record.slots[NormTap::kN32] = n32.data();
    record.slots[NormTap::kN] = n.data();
    record.slots[NormTap::kOut] = output(rounding);
  }
  void* output(NormRounding rounding) {
    return rounding == NormRounding::none ? static_cast<void*>(out32.data()) : out.data();
  }
  void store(Result& result) const {
    result.x32 = x32.values();
    result.var = var.values();
    result.rstd = rstd.values();
    result.n32 = n32.values();
    result.out32 = out32.values();
    result.n = n.values();
    result.out = out.values();
  }

 private:
  static size_t count(const Problem& p) { return size_t(p.rows * p.depth); }
};

inline Result run_fused(const Problem& p, NormRounding rounding, bool bias, int threads, bool taps,
                        bool one_pass = false, Operands operands = Operands::as_given) {
  NormTaps norm_taps(p, rounding);
  std::vector<Array<bf16>> y;
  twin::RmsNormQkvArgs args{{p.x.data(), p.weight.data(), p.rows, p.depth, 1e-6f}, rounding, {}, operands, one_pass};
  Array<bf16> normed(size_t(p.rows * p.depth));
  args.norm.normed = normed.data();
  for (size_t i = 0; i < 3; ++i) {
    y.emplace_back(size_t(p.rows * kColumns[i]));
    args.projections[i] = {p.w[i].data(), bias ? p.bias[i].data() : nullptr, y[i].data(), kColumns[i]};
  }
  twin::rmsnorm_qkv(args, taps ? &norm_taps.record : nullptr, threads, nullptr);
  Result result;
  for (size_t i = 0; i < 3; ++i) result.y[i] = y[i].values();
  norm_taps.store(result);
  return result;
}

inline Result run_parts(const Problem& p, NormRounding rounding, bool bias) {
  NormTaps norm_taps(p, rounding);
  Result result;
  twin::rmsnorm({p.x.data(), p.weight.data(), norm_taps.output(rounding), p.rows, p.depth, 1e-6f, rounding},
                &norm_taps.record, 128, nullptr);
  for (size_t i = 0; i < 3; ++i) {
    Array<bf16> y(size_t(p.rows * kColumns[i]));
    twin::linear({norm_taps.output(rounding), rounding == NormRounding::none, p.w[i].data(),
                  bias ? p.bias[i].data() : nullptr, nullptr, y.data(), p.rows, kColumns[i], p.depth},
                 nullptr, 128, nullptr);
    result.y[i] = y.values();
  }
  norm_taps.store(result);
  return result;
}

}  // namespace plumbline::test
