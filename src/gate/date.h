// SPDX-License-Identifier: Apache-2.0
// Calendar days, for the expiry of waivers. Invariant: a Date is a day that exists.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace plumbline {

using Date = std::chrono::sys_days;

/// "2027-01-31"; nullopt for anything else, also for a day that no calendar has.
std::optional<Date> parse_date(std::string_view text);
std::string date_text(Date date);
/// Today in UTC: every machine of a team sees a waiver expire at the same moment.
Date today_utc();
/// Negative if `to` lies before `from`.
int days_between(Date from, Date to);

}  // namespace plumbline
