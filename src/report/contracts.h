// SPDX-License-Identifier: Apache-2.0
// TraceContracts as text and as JSON.
#pragma once
#include <string>

#include "locate/contract_fits.h"

namespace plumbline {

/// One line per op name and set of contracts that explain it, with the layers where they differ.
std::string contracts_text(const TraceContracts& contracts);
/// One object: every op with the share of unequal bits under each contract.
std::string contracts_json(const TraceContracts& contracts);

}  // namespace plumbline
