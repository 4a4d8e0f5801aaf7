// SPDX-License-Identifier: Apache-2.0
// Additions, products, activations and soft caps.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnose/suspects.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

using Binary = std::function<double(double, double)>;

Mistake with_binary(size_t m, std::string_view family, std::string text, Binary function) {
  const auto edit = [function](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    const std::vector<double>&a = in.inputs[0].values, &b = in.inputs[1].values;
    for (size_t i = 0; i < results[0].exact.values.size(); ++i) results[0].exact.values[i] = function(a[i], b[i]);
  };
  return {std::string(family), std::move(text), m, {}, {}, edit, {}};
}

struct Coefficients {
  double a = 0.0, b = 0.0;
};

/// Least squares of the stored sum on its two operands.
Coefficients fit_sum(const Bench& bench) {
  double aa = 0.0, ab = 0.0, bb = 0.0, ay = 0.0, by = 0.0;
  for (const BenchStep& step : bench.steps()) {
    const std::vector<double>&a = bench.given(step).inputs[0].values, &b = bench.given(step).inputs[1].values;
    for (size_t i = 0; i < step.stored[0].size(); ++i) {
      const double y = step.stored[0][i];
      if (!std::isfinite(y) || !std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
      aa += a[i] * a[i], ab += a[i] * b[i], bb += b[i] * b[i], ay += a[i] * y, by += b[i] * y;
    }
  }
  const double determinant = aa * bb - ab * ab;
  if (!(determinant > 0.0)) return {1.0, 1.0};
  return {(ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant};
}

void suspect_sum(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  const std::string a = op.inputs[0], b = op.inputs[1];
  out.push_back(with_binary(m, code::kLeftOut, fmt::format("{} is not added", a), [](double, double y) { return y; }));
  out.push_back(with_binary(m, code::kLeftOut, fmt::format("{} is not added", b), [](double x, double) { return x; }));
  out.push_back(
      with_binary(m, code::kScale, fmt::format("{} is added twice", a), [](double x, double y) { return 2 * x + y; }));
  out.push_back(
      with_binary(m, code::kScale, fmt::format("{} is added twice", b), [](double x, double y) { return x + 2 * y; }));
  out.push_back(
      with_binary(m, code::kScale, fmt::format("{} is subtracted", b), [](double x, double y) { return x - y; }));
  if (m + 1 != bench.chain().size()) return;
  const Coefficients fit = fit_sum(bench);
  for (const double tolerance : {0.02, 0.001}) {
    const double x = rounded_number(fit.a, tolerance), y = rounded_number(fit.b, tolerance);
    out.push_back(with_binary(m, code::kScale,
                              fmt::format("{} enters times {}, {} times {}", a, number_text(x), b, number_text(y)),
                              [x, y](double left, double right) { return x * left + y * right; }));
  }
}

void suspect_product(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  out.push_back(with_binary(m, code::kLeftOut, fmt::format("{} is left out of the product", op.inputs[0]),
                            [](double, double y) { return y; }));
  out.push_back(with_binary(m, code::kLeftOut, fmt::format("{} is left out of the product", op.inputs[1]),
                            [](double x, double) { return x; }));
  out.push_back(with_binary(m, code::kWrongInput, "the operands are added, not multiplied",
                            [](double x, double y) { return x + y; }));
}

/// The factor of a scaling op, from stored over given.
void suspect_factor(const Bench& bench, size_t m, Suspects& out) {
  const Op& op = *bench.chain()[m];
  const double declared = number(op, "factor");
  const auto with = [&, m](double factor) {
    Op changed = op;
    changed.attributes["factor"] = factor;
    return Mistake{std::string(code::kScale),
                   fmt::format("the factor is {}{}, the config says {}", number_text(factor),
                               factor == 1.0 ? " (no scaling)" : "", number_text(declared)),
                   m,
                   std::move(changed),
                   {},
                   {},
                   {}};
  };
  out.push_back(with(1.0));
  out.push_back(with(declared * declared));
  out.push_back(with(std::sqrt(declared)));
  const double fitted = fit_positive(bench, declared / 1e3, declared * 1e3, 25, with);
  for (const double tolerance : {0.01, 0.001, 0.0001, 0.00001, 0.000001})
    out.push_back(with(rounded_number(fitted, tolerance)));
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

Mistake with_activation(size_t m, std::string text, std::function<double(double)> function) {
  const auto edit = [function](std::vector<Evaluated>& results, const OpInputs& in, const StepFacts&) {
    for (size_t i = 0; i < results[0].exact.values.size(); ++i)
      results[0].exact.values[i] = function(in.inputs[0].values[i]);
  };
  return {std::string(code::kActivation), std::move(text), m, {}, {}, edit, {}};
}

double silu(double x) { return x * sigmoid(x); }

double gelu_tanh(double x) {
  const double root = std::sqrt(2.0 / 3.14159265358979323846);
  return 0.5 * x * (1.0 + std::tanh(root * (x + 0.044715 * x * x * x)));
}

/// Of an op that is `own`, called `name`; `other` is what most other families have in its place.
void suspect_activation(const Bench& bench, size_t m, const std::string& name, double (*own)(double),
                        const std::string& other, double (*instead)(double), Suspects& out) {
  const auto wrong = [&](const std::string& what, std::function<double(double)> function) {
    out.push_back(with_activation(m, what + ", not " + name, std::move(function)));
  };
  wrong("GELU (erf)", [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); });
  wrong(other, instead);
  wrong("ReLU", [](double x) { return x > 0.0 ? x : 0.0; });
  wrong("squared ReLU", [](double x) { return x > 0.0 ? x * x : 0.0; });
  wrong("sigmoid", sigmoid);
  wrong("tanh", [](double x) { return std::tanh(x); });
  out.push_back(with_activation(m, "no activation: its input is passed on", [](double x) { return x; }));
  const auto cut = [m, name, own](double limit) {
    return with_activation(m, fmt::format("{} of its input cut to +-{}", name, number_text(limit)),
                           [limit, own](double x) { return own(std::clamp(x, -limit, limit)); });
  };
  const double limit = fit_positive(bench, 1e-3, 50.0, 41, cut);
  for (const double tolerance : {0.01, 0.001, 0.0001}) out.push_back(cut(rounded_number(limit, tolerance)));
  const auto swish = [m, name](double beta) {
    return with_activation(m,
                           fmt::format("x * sigmoid({} x), not {}{}", number_text(beta), name,
                                       std::fabs(beta - 1.702) < 5e-4 ? " (the quick form of GELU)" : ""),
                           [beta](double x) { return x * sigmoid(beta * x); });
  };
  out.push_back(swish(1.702));
  const double beta = fit_positive(bench, 0.05, 20.0, 25, swish);
  out.push_back(swish(rounded_number(beta, 0.002)));
  out.push_back(swish(rounded_number(beta, 0.0002)));
}

/// Another cap: the op itself replayed with it, since it rounds in between.
void suspect_cap(const Bench& bench, size_t m, Suspects& out) {
  const double declared = number(*bench.chain()[m], "cap");
  const auto with = [&, m](double cap) {
    Op changed = *bench.chain()[m];
    changed.attributes["cap"] = cap;
    return Mistake{std::string(code::kScale),
                   fmt::format("the soft cap is {}, the config says {}", number_text(cap), number_text(declared)),
                   m,
                   std::move(changed),
                   {},
                   {},
                   {}};
  };
  out.push_back(with_activation(m, "the soft cap is not applied", [](double x) { return x; }));
  const double cap = fit_positive(bench, declared / 100.0, declared * 100.0, 41, with);
  for (const double tolerance : {0.02, 0.002, 0.0002}) out.push_back(with(rounded_number(cap, tolerance)));
  out.push_back(with_activation(m, "the soft cap is in f32, rounded once",
                                [declared](double x) { return declared * std::tanh(x / declared); }));
}

}  // namespace

void suspect_elementwise(const Bench& bench, size_t m, Suspects& out) {
  switch (bench.chain()[m]->kind) {
    case OpKind::add: return suspect_sum(bench, m, out);
    case OpKind::multiply: return suspect_product(bench, m, out);
    case OpKind::scale: return suspect_factor(bench, m, out);
    case OpKind::silu: return suspect_activation(bench, m, "SiLU", silu, "GELU (tanh)", gelu_tanh, out);
    case OpKind::gelu_tanh: return suspect_activation(bench, m, "GELU (tanh)", gelu_tanh, "SiLU", silu, out);
    case OpKind::softcap: return suspect_cap(bench, m, out);
    default: return;
  }
}

}  // namespace plumbline
