// SPDX-License-Identifier: Apache-2.0
// What a trial of the bounds reached, for people and for programs. Invariant: pure functions of the rows.
#pragma once
#include <string>
#include <vector>

#include "trial/trial.h"

namespace plumbline::trial {

/// A line for each subject, over all its classes of data; below it what was accused.
std::string bounds_text(const std::vector<Row>& rows, const Request& request);
/// A row for each subject and class of data.
std::string bounds_json(const std::vector<Row>& rows, const Request& request);

}  // namespace plumbline::trial
