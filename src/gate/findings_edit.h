// SPDX-License-Identifier: Apache-2.0
// Changes to the list of findings of a report. Invariant: findings about ops stay in execution order, the others at the
// end; outcome and headline follow from what is left.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include <plumbline/find.h>

namespace plumbline {

/// The row of that op, or nullptr.
OpRow* row_of(FindReport& report, const std::string& op);
/// Puts it after the findings of ops that come before its own op.
void insert_in_order(FindReport& report, Finding finding);
/// Removes the first finding of that code and gives it.
std::optional<Finding> take(FindReport& report, std::string_view code);
/// Draws the outcome again after findings were added or no longer count. A report that was moot from the start (no op
/// was compared) stays inconclusive.
void redraw(FindReport& report);

}  // namespace plumbline
