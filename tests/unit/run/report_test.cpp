// SPDX-License-Identifier: Apache-2.0
// What plumbline-run says of its backends.
#include "run/report.h"

#include "support/catch.h"
#include "support/tiny_model.h"

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

TEST_CASE("a run of a backend with a ring says how full it was", "[run]") {
  const test::TempDirectory directory = test::write_tiny_model();
  const Model model = load_model(directory.path());
  RunOptions options;
  options.output = "a.h5";
  options.backend = "twin";
  RunSummary summary;
  summary.taps = 1;
  const auto text = [&] { return text_report(options, model, {}, {}, summary); };
  const auto json = [&] { return nlohmann::json::parse(json_report(options, model, {}, {}, summary)); };
  CHECK(text().find("capture") == std::string::npos);
  CHECK_FALSE(json().contains("capture"));
  summary.capture = CaptureCounts{int64_t{256} << 20, 1500, 3 << 19, 0, 7, 1.25};
  CHECK(text().find("capture       ring of 256 MiB, 1.5 MiB through it, 7 stalls (1.25 s)\n") != std::string::npos);
  CHECK(json()["capture"]["stalls"] == 7);
  CHECK(json()["capture"]["stall_seconds"] == 1.25);
  summary.capture->oversized = 2;
  summary.capture->ring_bytes = 3 << 10;
  CHECK(text().find("ring of 3 KiB") != std::string::npos);
  CHECK(text().find(", 2 taps larger than it\n") != std::string::npos);
  summary.taps = 0;
  CHECK(text().find("none recorded") != std::string::npos);
}

}  // namespace plumbline::run
