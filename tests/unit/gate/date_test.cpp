// SPDX-License-Identifier: Apache-2.0
// Days that exist, days that do not, and the days between.
#include "gate/date.h"

#include "support/catch.h"

using namespace plumbline;

TEST_CASE("a date is four, two and two digits of a day that exists") {
  for (const char* good : {"2026-11-21", "2028-02-29", "1970-01-01"}) CHECK(date_text(*parse_date(good)) == good);
  for (const char* bad : {"", "2026-11-31", "2027-02-29", "2026-13-01", "2026-00-01", "2026-1-1", "21.11.2026",
                          "2026-11-21 ", "2026-11-2x"}) {
    INFO(bad);
    CHECK_FALSE(parse_date(bad));
  }
}

TEST_CASE("days between two dates, with their sign") {
  CHECK(days_between(*parse_date("2026-12-31"), *parse_date("2027-01-01")) == 1);
  CHECK(days_between(*parse_date("2028-03-01"), *parse_date("2028-02-28")) == -2);  // a leap year
  CHECK(days_between(*parse_date("2026-11-21"), *parse_date("2027-11-21")) == 365);
}
