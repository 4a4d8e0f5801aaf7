// SPDX-License-Identifier: Apache-2.0
// AuditReports as text, as JSON and as a drawing. Invariant: all say the same of the same report, and none decides
// anything; names out of files are escaped. Leaves to others: exit status, where the text goes.
#pragma once
#include <string>
#include <string_view>

#include "locate/measured_audit.h"
#include "model/audit.h"
#include "report/report.h"

namespace plumbline {

/// "P0701": the page of `plumbline explain`.
std::string_view audit_code(AuditRule rule);

/// "SOUND", "UNSOUND", or "INCONCLUSIVE" if no parameter of the config was stored.
std::string_view audit_verdict(const AuditReport& report);

/// Verdict, facts, findings (`options.rows` of them; 0: all), statistics by kind (`by_layer`: every tensor), and the
/// notes' checker; with `measured` (nullptr: none) the stages of that run too (`by_layer`: every one) and what
/// happened.
std::string audit_text(const AuditReport& report, const MeasuredAudit* measured, const TextOptions& options,
                       bool by_layer);
/// One object (dumps/schema/plumbline-audit.schema.json), with every tensor. What is not finite is null.
std::string audit_json(const AuditReport& report, const MeasuredAudit* measured);
/// One panel for each kind of the layers: largest and median magnitude of the weights, layer by layer, on a log axis.
std::string audit_svg(const AuditReport& report);

}  // namespace plumbline
