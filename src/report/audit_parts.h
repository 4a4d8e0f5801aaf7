// SPDX-License-Identifier: Apache-2.0
// The measured half of an audit, for its writers. Invariant: as audit.h.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "report/audit.h"

namespace plumbline {

/// "ok", "warn", "fail", "inf".
std::string_view stage_state_name(StageState state);
/// `whole`: every stage, not the ends and what is notable alone.
std::string measured_text(const AuditReport& report, const MeasuredAudit& measured, int width, bool whole);
/// NaN and infinity become null when it is written.
nlohmann::ordered_json measured_json(const MeasuredAudit& measured);

}  // namespace plumbline
