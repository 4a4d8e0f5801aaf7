// SPDX-License-Identifier: Apache-2.0
// The command line of `plumbline order`. Invariant: what parse_order_options returns is complete.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "run/options.h"

namespace plumbline::run {

struct OrderOptions {
  RunOptions run;                ///< model, backend, device, threads, dtype, json
  std::vector<std::string> ops;  ///< empty: those of the first layer and outside the layers, one of each shape
  int64_t rows = 8;              ///< tokens of a forward pass
};

struct ParsedOrderOptions {
  OrderOptions options;
  std::optional<std::string> finished;  ///< text of --help or --option-table
};
/// Throws UsageError.
ParsedOrderOptions parse_order_options(int argc, const char* const* argv);

}  // namespace plumbline::run
