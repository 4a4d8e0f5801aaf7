// SPDX-License-Identifier: Apache-2.0
// Approved texts: what a writer prints must equal the file in approved/, after normalising.
// With PLUMBLINE_APPROVE=1 in the environment a text that differs is written over the approved one and the test fails
// once, so that the change is seen and reviewed.
#pragma once
#include <string>

namespace plumbline::test {

/// Takes out what no reader sees: trailing blanks and carriage returns.
std::string normalise(const std::string& text);
/// Compares with tests/unit/report/approved/NAME (a Catch2 check).
void check_approved(const std::string& name, const std::string& text);

}  // namespace plumbline::test
