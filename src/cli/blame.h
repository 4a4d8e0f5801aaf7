// SPDX-License-Identifier: Apache-2.0
// What `blame` prints, for `find --blame`.
#pragma once
#include <string>

#include "cli/compare_options.h"

namespace plumbline {

/// Of a pair that was compared with these options.
std::string blame_section(const CompareOptions& options, const TracePair& traces, const FindReport& report);

}  // namespace plumbline
