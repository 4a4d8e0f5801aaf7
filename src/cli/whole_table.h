// SPDX-License-Identifier: Apache-2.0
// The option table of all verbs, `run` included, whose options plumbline-run declares.
#pragma once
#include <CLI/CLI.hpp>

#include "options/option_table.h"

namespace plumbline {

/// Throws InputError if plumbline-run is not beside this program or does not say its options.
VerbRow whole_table(const CLI::App& app);

}  // namespace plumbline
