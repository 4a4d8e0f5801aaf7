// SPDX-License-Identifier: Apache-2.0
// Which rounding contracts explain the bits of one trace, op by op: a dump of unknown origin tells what it rounds, and
// where. Invariant: every op is replayed on the inputs that the trace itself recorded.
#pragma once
#include <string>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/trace.h>

#include "locate/order_fits.h"

namespace plumbline {

struct ContractFit {
  std::string contract;
  bool explains = false;  ///< every gate holds, and no more bits differ than rounding explains
  double unequal = 0.0;   ///< share of stored bits unlike the rounded replay's; 1 if stored in another format
  double expected = 0.0;  ///< what rounding noise explains
};

struct OpContracts {
  std::string op, kind, declared;  ///< declared: by the trace's graph
  int layer = -1;
  std::vector<ContractFit> fits;  ///< those that explain first, then by rising share; empty: not judged
  std::string reason;             ///< why not
  OpOrders orders;                ///< of a norm that a contract explains, of a linear op that an f32 sum does

  bool explained() const { return !fits.empty() && fits.front().explains; }
};

struct TraceContracts {
  std::string file, backend, architecture, model;
  std::vector<OpContracts> ops;  ///< in execution order

  size_t judged() const;
  size_t explained() const;
};

/// Throws InputError if the trace's graph cannot be read, TraceError if the trace cannot be. `threads` 0: all.
TraceContracts contract_fits(const Trace& trace, const Model& checkpoint, int threads);

}  // namespace plumbline
