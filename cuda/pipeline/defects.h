// SPDX-License-Identifier: Apache-2.0
// Which op of the graph has which kernel defect. Invariant: an op has at most one; the kernel that runs it computes
// that op alone or has a variant in which that op alone is wrong. Left to others: the variants (cuda/faults/), names
// and sites for users (src/model/faults_kernel.cpp).
#pragma once
#include <map>
#include <string>
#include <vector>

#include <plumbline/model.h>

#include "cuda/common/defect.h"
#include "cuda/pipeline/fusion_plan.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

class Defects {
 public:
  Defects() = default;
  /// Throws UsageError for a name that no kernel knows, two defects in one op, and one that changes no bit there.
  explicit Defects(const Model& model);

  /// Defect::none for most.
  PlantedDefect of(const Op& op) const;
  /// False for a fused step that must be taken apart, because a defect of one of its ops has a variant elsewhere.
  bool fits(const PlanStep& step) const;

 private:
  std::map<std::string, PlantedDefect, std::less<>> by_op_;
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
