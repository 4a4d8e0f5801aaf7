// SPDX-License-Identifier: Apache-2.0
// Days by std::chrono's calendar.
#include "gate/date.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace plumbline {

std::optional<Date> parse_date(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  const auto fits = [](char c, char form) {
    return form == 'd' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == form;
  };
  if (text.size() != kForm.size() || !std::equal(text.begin(), text.end(), kForm.begin(), fits)) return std::nullopt;
  const auto number = [&](size_t begin, size_t count) { return std::stoi(std::string(text.substr(begin, count))); };
  const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!date.ok()) return std::nullopt;
  return Date(date);
}

std::string date_text(Date date) {
  const std::chrono::year_month_day day(date);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                     static_cast<unsigned>(day.day()));
}

Date today_utc() { return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()); }

int days_between(Date from, Date to) { return static_cast<int>((to - from).count()); }

}  // namespace plumbline
