// SPDX-License-Identifier: Apache-2.0
// What a report says of names and steps that found no partner: taps that no op gives, taps of some steps only, and
// names of other software. Invariant: notes and evidence only; no verdict changes here.
#pragma once
#include <string_view>

#include <plumbline/find.h>
#include <plumbline/trace.h>

#include "locate/pairing.h"

namespace plumbline {

/// Taps of both sides that belong to no op of the graph.
void note_strangers(const OpGraph& graph, const Pairing& pairing, FindReport& report);
/// Taps that both sides hold in some of the common steps; `consequence` says what became of them.
void note_partial(const Pairing& pairing, const Alignment& alignment, std::string_view consequence, FindReport& report);
/// If nothing could be compared (P0103): which names of either side the graph does not know, and how to map them.
void explain_names(const Trace& reference, const Trace& candidate, const OpGraph& graph, FindReport& report);

}  // namespace plumbline
