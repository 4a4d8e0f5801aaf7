// SPDX-License-Identifier: Apache-2.0
// What a gate needs to know of the two runs beyond the report: which taps there are, and how the candidate was run.
// Invariant: plain data; taken from the headers, judged nowhere here.
#pragma once
#include <map>
#include <set>
#include <string>

#include <plumbline/trace.h>

namespace plumbline {

struct GateFacts {
  std::set<std::string> declared;                        ///< results in the reference's graph, recorded or not
  std::set<std::string> reference_taps, candidate_taps;  ///< as recorded
  std::map<std::string, std::string> reference_contracts,
      candidate_contracts;                           ///< op -> contract, as each graph states
  std::map<std::string, std::string> candidate_run;  ///< "backend", "device", "environment.KEY"
};

/// Throws InputError if a graph in a header cannot be read.
GateFacts gate_facts(const Trace& reference, const Trace& candidate);

}  // namespace plumbline
