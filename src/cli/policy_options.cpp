// SPDX-License-Identifier: Apache-2.0
// The option --today.
#include "cli/policy_options.h"

#include <plumbline/error.h>

namespace plumbline {

void add_today_option(CLI::App& verb, std::string& today) {
  verb.add_option("--today", today, "Judge waivers as on this day (default: today, UTC)")->type_name("YYYY-MM-DD");
}

Date today_option(const std::string& today) {
  if (today.empty()) return today_utc();
  const std::optional<Date> date = parse_date(today);
  if (!date) throw UsageError("--today is no date", {"given  " + today}, "spell it as 2027-01-31");
  return *date;
}

}  // namespace plumbline
