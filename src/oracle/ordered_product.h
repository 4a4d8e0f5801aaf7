// SPDX-License-Identifier: Apache-2.0
// The elements of one product as an implementation may have them: sums in any order (product.h), or in a declared one,
// whose bound follows its own partial sums. Invariant: the same operands and order give the same bits.
#pragma once
#include <vector>

#include "oracle/output.h"
#include "oracle/product.h"

namespace plumbline {

class ProductElements {
 public:
  /// `biased`: every element is added to once more. All arguments are borrowed.
  ProductElements(const OracleCall& call, const ProductOperands& operands, const ProductResult& result, bool biased);
  /// Element `i` (row-major) with the bias that is added last (0: none).
  Uncertain operator()(size_t i, double bias);
  /// Of the element before, in bf16_parts: its parts before they are rounded. Empty if its operands were not finite.
  const std::vector<Uncertain>& parts() const { return parts_; }

 private:
  void gather(size_t i);
  Uncertain ordered(size_t i, double bias);
  Uncertain part(size_t first, size_t count, double given) const;
  Uncertain rounded_parts(double given);
  const ProductOperands& operands_;
  const ProductResult& result_;
  const DeclaredOrder* order_;  ///< null: any
  Summation summation_;
  std::vector<double> a_, b_, products_;  ///< of one element
  std::vector<Uncertain> parts_;
};

}  // namespace plumbline
