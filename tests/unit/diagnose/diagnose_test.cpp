// SPDX-License-Identifier: Apache-2.0
// Mistakes made by the test's own arithmetic: the cause is named with its parameter, and nothing is named without one.
#include "diagnose/diagnose.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "locate/codes.h"
#include "locate/find.h"
#include "support/catch.h"
#include "unit/diagnose/mistaken_run.h"

using namespace plumbline;
using plumbline::test::mistaken_run;
using plumbline::test::Seen;
using plumbline::test::text_tokens;

namespace {

using Values = std::vector<double>;
constexpr int64_t kTokens = 16, kHidden = 64, kHead = 32, kWide = 96;

const test::Bench& bench() {
  static const test::Bench shared;
  return shared;
}

const Trace& healthy() {
  static const Trace trace = bench().record("healthy.h5", {text_tokens(kTokens)});
  return trace;
}

const Finding& finding_at(const FindReport& report, const std::string& op) {
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [&](const Finding& finding) { return finding.op == op; });
  REQUIRE(found != report.findings.end());
  return *found;
}

FindReport diagnosed(const Trace& candidate) {
  FindOptions options;
  options.threads = 2;
  options.draws = 0;
  options.causes = diagnose;
  return find_divergence(healthy(), candidate, bench().model(), options);
}

struct Case {
  std::string op, tap, code, says;
  test::Instead instead;
};

Values weight(const std::string& name) { return to_values(bench().model().parameters.at(name).view()); }

double bf16(double value) { return round_to(DType::bf16, value); }

/// y = x W^T over the columns that `keep` says.
Values product(const Values& x, const Values& w, int64_t depth, const std::function<bool(int64_t)>& keep) {
  const auto rows = static_cast<int64_t>(x.size()) / depth, columns = static_cast<int64_t>(w.size()) / depth;
  Values y;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0.0;
      for (int64_t k = 0; k < depth; ++k)
        if (keep(k)) sum += x[static_cast<size_t>(r * depth + k)] * w[static_cast<size_t>(c * depth + k)];
      y.push_back(sum);
    }
  return y;
}

Values all_kept(const Values& x, const Values& w, int64_t depth) {
  return product(x, w, depth, [](int64_t) { return true; });
}

Values norm_with_eps(const Values& x, const Values& w, double eps) {
  Values y;
  for (size_t at = 0; at < x.size(); at += w.size()) {
    double squares = 0.0;
    for (size_t c = 0; c < w.size(); ++c) squares += x[at + c] * x[at + c];
    const double rstd = 1.0 / std::sqrt(squares / static_cast<double>(w.size()) + eps);
    for (size_t c = 0; c < w.size(); ++c) y.push_back(bf16(x[at + c] * rstd) * w[c]);
  }
  return y;
}

/// Heads x tokens x kHead, halves rotated by position * theta^(-2j/D); roundings as rope/neox-t has them.
Values rotated(const Values& x, double theta, double offset) {
  Values y(x.size());
  for (size_t row = 0; row < x.size() / kHead; ++row) {
    const double position = static_cast<double>(row % kTokens) + offset;
    for (size_t j = 0; j < kHead / 2; ++j) {
      const double angle = position * std::pow(theta, -2.0 * static_cast<double>(j) / kHead);
      const double c = bf16(std::cos(angle)), s = bf16(std::sin(angle));
      const double a = x[row * kHead + j], b = x[row * kHead + j + kHead / 2];
      y[row * kHead + j] = bf16(a * c) - bf16(b * s);
      y[row * kHead + j + kHead / 2] = bf16(b * c) + bf16(a * s);
    }
  }
  return y;
}

std::vector<Case> cases() {
  const std::string mlp = "model.layers.1.mlp.", attn = "model.layers.1.self_attn.";
  return {
      {"layer.1.in_norm", "layer.1.in_norm.out", "P0601", "eps 0.00037, the config says 1e-06",
       [](const Seen& seen, Values) {
         return norm_with_eps(seen.at("layer.0.resid2"), weight("model.layers.1.input_layernorm.weight"), 3.7e-4);
       }},
      {"layer.1.attn.q_rope", "layer.1.attn.q_rope", "P0614", "theta 350000, the config says 1e+06",
       [](const Seen& seen, Values) { return rotated(seen.at("layer.1.attn.q_heads"), 350000.0, 0.0); }},
      {"layer.1.attn.k_rope", "layer.1.attn.k_rope", "P0616", "position off by 3",
       [](const Seen& seen, Values) { return rotated(seen.at("layer.1.attn.k_heads"), 1e6, 3.0); }},
      {"layer.1.mlp.down_proj", "layer.1.mlp.down_proj", "P0603", "32..47 of the inner dimension (96) left out",
       [mlp](const Seen& seen, Values) {
         return product(seen.at("layer.1.mlp.mul"), weight(mlp + "down_proj.weight"), kWide,
                        [](int64_t k) { return k < 32 || k >= 48; });
       }},
      {"layer.1.mlp.act", "layer.1.mlp.act", "P0621", "GELU (tanh)",
       [](const Seen& seen, Values) {
         Values y;
         for (const double x : seen.at("layer.1.mlp.gate_proj"))
           y.push_back(0.5 * x * (1.0 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))));
         return y;
       }},
      {"layer.1.resid1", "layer.1.resid1", "P0619", "times 0.35",
       [](const Seen& seen, Values y) {
         for (size_t i = 0; i < y.size(); ++i)
           y[i] = seen.at("layer.0.resid2")[i] + 0.35 * seen.at("layer.1.attn.o_proj")[i];
         return y;
       }},
      {"layer.1.mlp.gate_proj", "layer.1.mlp.gate_proj", "P0607", "model.layers.3.mlp.gate_proj.weight",
       [](const Seen& seen, Values) {
         return all_kept(seen.at("layer.1.post_norm.out"), weight("model.layers.3.mlp.gate_proj.weight"), kHidden);
       }},
      {"layer.1.attn.o_proj", "layer.1.attn.o_proj", "P0612", "8..15 swapped with 40..47",
       [](const Seen&, Values y) {
         for (size_t at = 0; at < y.size(); at += kHidden)
           for (size_t c = 8; c < 16; ++c) std::swap(y[at + c], y[at + c + 32]);
         return y;
       }},
      {"layer.1.mlp.up_proj", "layer.1.mlp.up_proj", "P0609", "int8, one scale per 32 of a row",
       [mlp](const Seen& seen, Values) {
         Values w = weight(mlp + "up_proj.weight");
         for (size_t at = 0; at < w.size(); at += 32) {
           double largest = 0.0;
           for (size_t i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(w[at + i]));
           for (size_t i = 0; i < 32; ++i) w[at + i] = std::nearbyint(w[at + i] / largest * 127.0) * largest / 127.0;
         }
         return all_kept(seen.at("layer.1.post_norm.out"), w, kHidden);
       }},
      {"layer.1.attn.v_proj", "layer.1.attn.v_proj", "P0606", "a bias is added",
       [](const Seen&, Values y) {
         for (size_t i = 0; i < y.size(); ++i) y[i] += 0.4 * std::sin(static_cast<double>(i % kHidden));
         return y;
       }},
      {"layer.2.post_norm", "layer.2.post_norm.out", "P0604", "the root of the mean square is not taken",
       [](const Seen& seen, Values) {
         const Values w = weight("model.layers.2.post_attention_layernorm.weight"), x = seen.at("layer.2.resid1");
         Values y;
         for (size_t at = 0; at < x.size(); at += w.size()) {
           double squares = 0.0;
           for (size_t c = 0; c < w.size(); ++c) squares += x[at + c] * x[at + c];
           const double scale = 1.0 / (squares / static_cast<double>(w.size()) + 1e-6);
           for (size_t c = 0; c < w.size(); ++c) y.push_back(bf16(x[at + c] * scale) * w[c]);
         }
         return y;
       }},
      {"layer.2.mlp.down_proj", "layer.2.mlp.down_proj", "P0619", "input channels 11..37 are multiplied by 0.63",
       [](const Seen& seen, Values) {
         Values w = weight("model.layers.2.mlp.down_proj.weight");
         for (size_t i = 0; i < w.size(); ++i)
           if (i % kWide >= 11 && i % kWide <= 37) w[i] *= 0.63;
         return all_kept(seen.at("layer.2.mlp.mul"), w, kWide);
       }},
      {"layer.2.mlp.gate_proj", "layer.2.mlp.gate_proj", "P0612",
       "input channels in another order: 3..9 swapped with 40..46",
       [](const Seen& seen, Values) {
         Values w = weight("model.layers.2.mlp.gate_proj.weight");
         for (size_t at = 0; at < w.size(); at += kHidden)
           for (size_t k = 3; k <= 9; ++k) std::swap(w[at + k], w[at + k + 37]);
         return all_kept(seen.at("layer.2.post_norm.out"), w, kHidden);
       }},
      {"layer.2.attn.v_proj", "layer.2.attn.v_proj", "P0612", "each has the weights that belong 21 before it",
       [](const Seen& seen, Values) {
         Values w = weight("model.layers.2.self_attn.v_proj.weight");
         for (auto at = w.begin(); at != w.end(); at += kHidden) std::rotate(at, at + kHidden - 21, at + kHidden);
         return all_kept(seen.at("layer.2.in_norm.out"), w, kHidden);
       }},
      {"layer.2.attn.q_proj", "layer.2.attn.q_proj", "P0608", "each block of 5 by 5",
       [](const Seen& seen, Values) {
         const Values w = weight("model.layers.2.self_attn.q_proj.weight");
         Values blocks = w;
         for (size_t row = 0; row + 5 <= w.size() / kHidden; row += 5)
           for (size_t k = 0; k + 5 <= kHidden; k += 5)
             for (size_t i = 0; i < 25; ++i)
               blocks[(row + i / 5) * kHidden + k + i % 5] = w[(row + i % 5) * kHidden + k + i / 5];
         return all_kept(seen.at("layer.2.in_norm.out"), blocks, kHidden);
       }},
      {"layer.2.attn.k_proj", "layer.2.attn.k_proj", "P0607", "element [9, 33] of the weight holds 5.5,",
       [](const Seen& seen, Values) {
         Values w = weight("model.layers.2.self_attn.k_proj.weight");
         w[9 * kHidden + 33] = 5.5;
         return all_kept(seen.at("layer.2.in_norm.out"), w, kHidden);
       }},
      {"layer.2.mlp.up_proj", "layer.2.mlp.up_proj", "P0624", "become zero",
       [](const Seen&, Values y) {
         for (double& value : y) value = std::fabs(bf16(value)) < 0.1 ? 0.0 : value;
         return y;
       }},
      {"layer.2.attn.o_proj", "layer.2.attn.o_proj", "P0609", "int4, one scale per 24 of a row",
       [](const Seen& seen, Values) {
         Values w = weight("model.layers.2.self_attn.o_proj.weight");
         for (size_t row = 0; row < kHidden; ++row)
           for (size_t at = 0; at < 128; at += 24) {
             const auto from = w.begin() + static_cast<std::ptrdiff_t>(row * 128 + at);
             const auto end = from + static_cast<std::ptrdiff_t>(std::min<size_t>(24, 128 - at));
             double largest = 0.0;
             for (auto i = from; i != end; ++i) largest = std::max(largest, std::fabs(*i));
             for (auto i = from; i != end; ++i) *i = std::nearbyint(*i / largest * 7.0) * largest / 7.0;
           }
         return all_kept(seen.at("layer.2.attn.ctx_merged"), w, 128);
       }},
      {"layer.2.mlp.act", "layer.2.mlp.act", "P0621", "input cut to +-0.37",
       [](const Seen& seen, Values) {
         Values y;
         for (const double x : seen.at("layer.2.mlp.gate_proj")) {
           const double inside = std::clamp(x, -0.37, 0.37);
           y.push_back(inside / (1.0 + std::exp(-inside)));
         }
         return y;
       }},
      {"embed", "embed", "P0626", "id +2",
       [](const Seen&, Values) {
         Values y;
         const Values table = weight("model.embed_tokens.weight");
         for (const int64_t token : text_tokens(kTokens))
           for (int64_t c = 0; c < kHidden; ++c) y.push_back(table[static_cast<size_t>((token + 2) * kHidden + c)]);
         return y;
       }},
  };
}

}  // namespace

TEST_CASE("a mistake is named with its parameter, whatever the parameter is") {
  int number = 0;
  for (const Case& one : cases()) {
    INFO(one.op << ": " << one.says);
    const FindReport report = diagnosed(mistaken_run(bench(), std::to_string(number++) + ".h5", one.tap, one.instead));
    const Finding& finding = finding_at(report, one.op);
    REQUIRE(!finding.causes.empty());
    const Cause& first = finding.causes.front();
    CHECK(first.status == CauseStatus::likely);
    CHECK(first.code == one.code);
    CHECK_THAT(first.text, Catch::Contains(one.says));
    CHECK(first.left <= 2.0);
    CHECK(find_code_page(first.code) != nullptr);
  }
}

TEST_CASE("noise that no mistake explains gets no cause, only families ruled out") {
  SplitMix64 random(7);
  const Trace noisy = mistaken_run(bench(), "noisy.h5", "layer.1.mlp.down_proj", [&](const Seen&, Values y) {
    for (double& value : y) value *= 1.0 + 0.1 * (random.uniform() - 0.5);
    return y;
  });
  const FindReport report = diagnosed(noisy);
  const Finding& finding = finding_at(report, "layer.1.mlp.down_proj");
  REQUIRE(!finding.causes.empty());
  for (const Cause& cause : finding.causes) {
    CHECK(cause.status == CauseStatus::ruled_out);
    CHECK(cause.left > 2.0);
  }
}

TEST_CASE("an unrecorded norm's epsilon is found through the projections behind it") {
  test::Bench::Run run{text_tokens(kTokens)};
  run.faults = {"norm.eps=0.0023@layer.1.in_norm"};
  const auto taps_without_norm = [](test::Bench::Run& which) {
    which.edit = [](TapSpec& spec, Tensor&) {
      if (spec.path == "layer.1.in_norm.out") spec.path = "hidden.away";
    };
  };
  taps_without_norm(run);
  const FindReport report = diagnosed(bench().record("segment.h5", run));
  const Finding& finding = finding_at(report, "layer.1.attn.q_proj");
  REQUIRE(!finding.causes.empty());
  CHECK(finding.causes.front().op == "layer.1.in_norm");
  CHECK(finding.causes.front().code == "P0601");
  CHECK_THAT(finding.causes.front().text, Catch::Contains("0.0023"));
}
