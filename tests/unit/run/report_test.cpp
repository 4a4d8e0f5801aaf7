// SPDX-License-Identifier: Apache-2.0
// Text that a broken model prints must not disturb the terminal that shows it.
#include "run/report.h"

#include "support/catch.h"

#include <nlohmann/json.hpp>

namespace plumbline::run {

TEST_CASE("quoted text is one printable line of valid UTF-8", "[run]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"plain", "\"plain\""},
      {"a\nb\tc", R"("a\nb\tc")"},
      {"say \"x\\y\"", R"("say \"x\\y\"")"},
      {"\x1b[31m", R"("\x1b[31m")"},
      {"\xC3\xA9", "\"\xC3\xA9\""},     // e with acute accent
      {"\xC3", R"("\xc3")"},            // cut off
      {"\xFF\x80z", R"("\xff\x80z")"},  // never UTF-8
      {"\xF0\x9F\x99\x82", "\"\xF0\x9F\x99\x82\""},
      {"\xC0\xAF", R"("\xc0\xaf")"},  // overlong
  }));
  CHECK(quoted(text) == expected);
}

TEST_CASE("the list of backends has every backend once, as text and as JSON", "[run]") {
  const std::vector<BackendStatus> statuses = backend_statuses();
  const auto json = nlohmann::json::parse(backends_report(statuses, true)).at("backends");
  REQUIRE(json.size() == 4);
  const std::vector<std::string> names = {"torch", "twin", "cuda", "oracle"};
  for (size_t i = 0; i < names.size(); ++i) {
    CHECK(json[i].at("name") == names[i]);
    CHECK(json[i].at("available") == statuses[i].available);
    CHECK_FALSE(statuses[i].detail.empty());
    CHECK(backends_report(statuses, false).find(names[i] + " ") != std::string::npos);
  }
}

}  // namespace plumbline::run
