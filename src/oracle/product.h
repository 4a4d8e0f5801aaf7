// SPDX-License-Identifier: Apache-2.0
// Matrix products in f64, and the same products of magnitudes (what error bounds of sums are made of). The only header
// behind which Eigen stands. Invariant: the bits do not depend on the number of threads.
#pragma once
#include <cstdint>
#include <vector>

#include <plumbline/contract.h>

#include "oracle/uncertain.h"

namespace plumbline {

/// Row-major, borrowed.
struct MatrixView {
  const double* data = nullptr;
  int64_t rows = 0, columns = 0;
};

enum class Right : uint8_t { as_is, transposed };

/// a b, or a b^T. `out` has a.rows x (columns of b, or rows of b^T) elements.
void multiply(MatrixView a, MatrixView b, Right right, double* out, int threads);
std::vector<double> magnitudes(const double* values, size_t count);

/// One product of an op with everything its bound needs. Uncertainties may be null: exact operands.
struct ProductOperands {
  MatrixView a, b;
  const double* a_bound = nullptr;  ///< of each element of a
  const double* b_bound = nullptr;
  Right right = Right::transposed;
};

struct ProductResult {
  std::vector<double> sums;
  std::vector<double> sizes;      ///< |a| |b|; empty without bounds
  std::vector<double> inherited;  ///< what uncertain operands can move a sum by; empty if both are exact
  std::vector<double> inherited_sigma;
  bool exact_products = false;    ///< every one fits into f32
  std::vector<double> subnormal;  ///< |a| |b| over the terms with a subnormal f32 operand; empty if there is none
};
ProductResult product(const ProductOperands& operands, bool bounds, int threads);

/// The error of f32 sums of `terms` terms under an accumulator.
class Summation {
 public:
  /// `extra` roundings besides: of products, of a bias.
  Summation(Accumulator accumulator, int64_t terms, int64_t extra)
      : of_magnitudes_(accumulator == Accumulator::f32_tree),
        terms_(static_cast<double>(terms)),
        bound_(accumulation_bound(accumulator, terms)),
        extra_(static_cast<double>(extra) * kUnitF32),
        walk_(accumulation_walk(accumulator, terms)),
        lost_per_term_(flushes_subnormals(accumulator) ? 2.0 * kNormalF32 : kTinyF32),
        flushes_operands_(flushes_subnormals(accumulator)) {}
  /// The sum as an implementation may have it; `subnormal` is the size of the terms with a subnormal operand. Past
  /// f32's range NaN and infinity are right as well, since partial sums depend on the order; a finite result lies
  /// within the same error as anywhere.
  Uncertain operator()(double sum, double sizes, double subnormal = 0.0) const;

 private:
  /// What `bound_` multiplies. Roundings and cuts are shares of the power of two below a partial sum, not of the sum.
  double largest_binade(double sum, double sizes) const;
  bool of_magnitudes_;  ///< the bound is a multiple of the sum of magnitudes, not of the largest partial sum
  double terms_, bound_, extra_, walk_;
  double lost_per_term_;  ///< a product and a partial sum below the range of normal numbers
  bool flushes_operands_;
};

/// Element `i` of a product as an implementation may have it, bias included.
Uncertain product_element(const Summation& summation, const ProductResult& result, size_t i, double bias);

}  // namespace plumbline
