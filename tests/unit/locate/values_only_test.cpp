// SPDX-License-Identifier: Apache-2.0
// Comparison without a model: equal values or not, tap by tap.
#include <algorithm>
#include <set>

#include "locate/find.h"
#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

TEST_CASE("without a model any unequal value is a divergence, and nothing is called an origin") {
  const FindReport same = compare_values(healthy(), bench().record("values.h5", {text_tokens(12)}));
  CHECK(same.outcome == Outcome::parity);
  CHECK(same.model.empty());
  Bench::Run run{text_tokens(12)};
  run.faults = {"norm.eps=1e-3@layer.2.in_norm"};
  const FindReport report = compare_values(healthy(), bench().record("values_fault.h5", run));
  CHECK(report.outcome == Outcome::divergence);
  CHECK(report.first_divergence()->code == "P0205");
  CHECK(report.first_divergence()->op == "layer.2.in_norm");
  CHECK(std::none_of(report.ops.begin(), report.ops.end(), [](const OpRow& op) { return op.role == Role::origin; }));
}

TEST_CASE("values alone are those of every tap: within ops, of what was fed, and of what no op gives") {
  // One element of one tap is changed; every other tap holds the same bits.
  struct Row {
    std::string tap, op;
  };
  const Row rows[] = {{"layer.2.in_norm.rstd", "layer.2.in_norm"},
                      {"layer.1.attn.q_rot_sin", "layer.1.attn.q_rope"},
                      {"rope.freqs", "rope"},
                      {"tokens", "tokens"},
                      {"positions", "positions"},
                      {"logits", "logits"}};
  int number = 0;
  for (const Row& row : rows) {
    INFO(row.tap);
    Bench::Run run{text_tokens(12)};
    run.edit = [&](TapSpec& spec, Tensor& tensor) {
      if (spec.path != row.tap) return;
      std::byte* last = tensor.mutable_data() + tensor.byte_size() - element_bytes(tensor.dtype());
      *last ^= std::byte{1};
    };
    const FindReport report =
        compare_values(healthy(), bench().record("one_tap" + std::to_string(number++) + ".h5", run));
    INFO(report.headline);
    CHECK(report.outcome == Outcome::divergence);
    REQUIRE(report.first_divergence() != nullptr);
    CHECK(report.first_divergence()->code == "P0205");
    REQUIRE(report.first_divergence()->place.has_value());
    CHECK(report.first_divergence()->place->tap == row.tap);
    CHECK(report.first_divergence()->op.starts_with(row.op));
    CHECK(std::count_if(report.ops.begin(), report.ops.end(), [](const OpRow& op) { return op.differs(); }) == 1);
  }
}

TEST_CASE("values alone: coverage counts the taps, and what one side lacks is listed") {
  std::set<std::string> paths;
  for (const TapEntry& tap : healthy().taps()) paths.insert(tap.path);
  Bench::Run run{text_tokens(12)};
  const FindReport same = compare_values(healthy(), bench().record("all_taps.h5", run));
  CHECK(same.outcome == Outcome::parity);
  CHECK(same.coverage.compared_taps == static_cast<int64_t>(paths.size()));
  CHECK(same.coverage.share() == 1.0);
  run.taps = {"layer.*", "embed", "rope.*", "final_norm.*", "logits"};
  const FindReport unfed = compare_values(healthy(), bench().record("unfed.h5", run));
  CHECK(unfed.coverage.compared_taps == static_cast<int64_t>(paths.size()) - 2);
  CHECK(unfed.unmatched.size() == 2);
}
