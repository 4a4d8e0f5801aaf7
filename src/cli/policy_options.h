// SPDX-License-Identifier: Apache-2.0
// What the verbs gate and policy share: the day on which waivers are judged.
#pragma once
#include <CLI/CLI.hpp>
#include <string>

#include "gate/date.h"

namespace plumbline {

/// --today, so that an expiry can be reproduced.
void add_today_option(CLI::App& verb, std::string& today);
/// The day given, or today in UTC if the text is empty. Throws UsageError if it is no date.
Date today_option(const std::string& today);

}  // namespace plumbline
