// SPDX-License-Identifier: Apache-2.0
// Which taps and ops a report is about, out of all that were judged. Invariant: the verdict on an op does not depend on
// the scope; what the scope leaves out is counted and named in the report, never dropped without a word.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <plumbline/find.h>
#include <plumbline/op_graph.h>
#include <plumbline/trace.h>

#include "locate/find.h"

namespace plumbline {

class Scope {
 public:
  /// Throws UsageError if the filter leaves none of the taps that either side recorded.
  Scope(const TapFilter& filter, const OpGraph& graph, const Trace& reference, const Trace& candidate);

  bool restricts() const { return summary_.has_value(); }
  bool has_tap(const std::string& path) const;
  /// One of its results is in scope; an inner tap alone says nothing of an op.
  bool has_op(const std::string& op) const;
  /// A finding about the traces as wholes is always in scope.
  bool concerns(const Finding& finding) const;
  /// Counts of taps; nullopt without a filter.
  const std::optional<ReportScope>& summary() const { return summary_; }

 private:
  TapFilter filter_;
  const OpGraph& graph_;
  std::map<std::string, std::string> op_of_;  // tap path -> its op
  std::set<std::string> ops_;                 // in scope
  std::optional<ReportScope> summary_;
};

/// Takes out of `report` the rows, findings and one-sided taps that are not in scope, and gives those findings. If what
/// is left only inherits from them, that becomes a finding (P0207): the selected taps do differ.
std::vector<Finding> restrict_report(FindReport& report, const Scope& scope, const OpGraph& graph);

/// After the outcome is drawn: headline and a note say what was found outside the scope.
void state_outside(FindReport& report, const std::vector<Finding>& outside);

}  // namespace plumbline
