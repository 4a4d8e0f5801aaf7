// SPDX-License-Identifier: Apache-2.0
// What plumbline-run says of its backends.
#include "run/report.h"

#include "support/catch.h"

#include <nlohmann/json.hpp>

namespace plumbline::run {

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
