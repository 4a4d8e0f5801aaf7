// SPDX-License-Identifier: Apache-2.0
// The rules of an audit, each adding findings and facts to the report. Invariant: a rule reads what was listed and
// measured, and no file. Leaves to audit.cpp: the order of the rules, measuring.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/audit.h"
#include "model/checkpoint_listing.h"
#include "model/expected_parameters.h"
#include "model/square_profiles.h"

namespace plumbline {

/// "model.layers.3.mlp.up_proj.weight" -> {3, "mlp.up_proj.weight"}; {-1, name without "model."} of any other.
std::pair<int, std::string> layer_and_kind(const std::string& name);

/// "[512] bf16".
std::string form_of(const AuditedTensor& tensor);
/// "512 values from -0.2 to 0.3, median magnitude 0.02".
std::string values_of(const WeightStatistics& statistics);

void check_presence(AuditReport& report, const CheckpointListing& listing, const std::vector<ParameterSpec>& expected);
void check_head(AuditReport& report);
void check_values(AuditReport& report);
void check_equal_tensors(AuditReport& report);
void check_squares(AuditReport& report, const std::vector<SquareMatrix>& squares);
void check_family(AuditReport& report);

}  // namespace plumbline
