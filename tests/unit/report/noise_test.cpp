// SPDX-License-Identifier: Apache-2.0
// The report of noise, as approved: a quiet model with a candidate beyond its noise, and a chaotic one.
#include "report/noise.h"

#include <cmath>

#include "support/catch.h"
#include "unit/report/approved.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

NoiseFloor floor_of(double size, bool chaotic) {
  NoiseFloor floor;
  floor.source = "Monte Carlo rounding";
  floor.runs = 16;
  floor.factor = 1.4373;
  floor.growth = std::log(1.25);
  floor.limit = 7.5;
  floor.ops.push_back({"embed", "embedding", -1, 0.0});
  for (int layer = 0; layer < 3; ++layer) {
    const double relative = size * std::pow(1.25, layer);
    const std::string path = "layer." + std::to_string(layer) + ".";
    floor.ops.push_back({path + "attn.q_proj", "linear", layer, 0.5 * relative});
    floor.ops.push_back({path + "resid2", "add", layer, relative});
    floor.layers.push_back({layer, relative, 1.1 * relative});
  }
  if (chaotic) floor.forgets = 1;
  for (int64_t position = 0; position < 3; ++position)
    floor.positions.push_back({position, 8.0 * size, 0.004, 4.0, size * size, 3.0 * size * size, chaotic ? 0.375 : 1.0,
                               static_cast<double>(position) + 0.5});
  floor.logits = 2.0 * size;
  floor.agreement = chaotic ? 0.375 : 1.0;
  floor.kl_mean = size * size;
  floor.kl_max = 3.0 * size * size;
  return floor;
}

NoiseReport report_of(const NoiseFloor& floor) {
  NoiseReport report;
  report.file = "ref.h5";
  report.backend = "torch";
  report.architecture = "Qwen3ForCausalLM";
  report.model = "models/qwen3";
  report.seed = 1;
  report.floors = {floor};
  return report;
}

NoiseReport quiet() {
  NoiseReport report = report_of(floor_of(0.002, false));
  report.against = NoiseVerdict{"cand.h5",
                                "cuda",
                                NoiseOutcome::beyond,
                                "",
                                {{0, 0.9, 1e-6, false, 15.0, false}, {1, 31.0, 0.02, true, 46.0, true}},
                                7.5,
                                1.1,
                                44.0};
  report.notes = {"cand.h5 does not state its checkpoint's files; \x1b[2J"};
  return report;
}

NoiseReport chaotic() {
  NoiseReport report = report_of(floor_of(0.3, true));
  NoiseFloor repeats = floor_of(0.25, true);
  repeats.source = "repeats";
  repeats.runs = 1;
  repeats.factor = repeats.limit = INFINITY;
  report.floors.push_back(repeats);
  report.against =
      NoiseVerdict{"cand.h5", "cuda", NoiseOutcome::undecidable, "the model is chaotic", {}, 7.5, NAN, NAN};
  return report;
}

}  // namespace

TEST_CASE("the report of noise reads as approved") {
  check_approved("noise/quiet.txt", noise_text(quiet(), 2));
  check_approved("noise/chaotic.txt", noise_text(chaotic(), 0));
  check_approved("noise/quiet.json", noise_json(quiet()));
  check_approved("noise/chaotic.json", noise_json(chaotic()));
}

TEST_CASE("a name out of a file does not reach the terminal as it is") {
  NoiseReport report = quiet();
  report.file = report.against->file = "a\x1b[2J\n";
  for (const std::string& text : {noise_text(report, 1), noise_json(report)})
    CHECK(text.find('\x1b') == std::string::npos);
}
