// SPDX-License-Identifier: Apache-2.0
// Tokens of two runs: where they part, who chose it, how far the distributions lie apart.
#include "locate/tokens.h"

#include <plumbline/error.h>

#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

Trace record(const std::string& name, std::vector<int64_t> tokens, std::vector<std::string> faults = {}) {
  Bench::Run run{std::move(tokens)};
  run.prefill = 8;
  run.faults = std::move(faults);
  return bench().record(name, run);
}

}  // namespace

TEST_CASE("equal runs say the same and diverge nowhere") {
  const TokenReport report =
      compare_tokens(record("same_a.h5", text_tokens(12)), bench().record("same_b.h5", {text_tokens(12)}));
  CHECK(report.reference == text_tokens(12));
  CHECK_FALSE(report.alignment.difference);
  CHECK(report.prompt == 8);
  REQUIRE(report.next.size() == 12);
  for (const NextToken& next : report.next) CHECK(next.kl == 0.0);
  CHECK(report.fork() == nullptr);
}

TEST_CASE("a fork names the position whose logits chose it") {
  std::vector<int64_t> other = text_tokens(12);
  other[10] = 66;
  const TokenReport report = compare_tokens(record("fork_a.h5", text_tokens(12)),
                                            record("fork_b.h5", other, {"norm.weight_missing@layer.3.attn.q_norm"}));
  REQUIRE(report.alignment.difference);
  CHECK(*report.alignment.difference == 10);
  CHECK_FALSE(report.alignment.in_prompt);
  REQUIRE(report.fork() != nullptr);
  CHECK(report.fork()->position == 9);
  CHECK(report.next.size() == 10);  // positions 0 to 9: after them the two runs computed different things
  CHECK(report.fork()->kl > 0.0);
  CHECK(report.fork()->reference.margin() >= 0.0);
}

TEST_CASE("without logits there is no divergence, with another vocabulary there is an error") {
  Bench::Run run{text_tokens(6)};
  run.taps = {"embed"};
  const Trace bare = bench().record("bare.h5", run), whole = bench().record("with_logits.h5", {text_tokens(6)});
  const TokenReport report = compare_tokens(bare, whole);
  CHECK(report.next.empty());
  CHECK(report.alignment.positions == 6);
  Bench::Run narrow{text_tokens(6)};
  narrow.edit = [](TapSpec& spec, Tensor& values) {
    if (spec.path == "logits") values = Tensor(values.dtype(), {1, 6, 8});
  };
  CHECK_THROWS_AS(compare_tokens(whole, bench().record("narrow.h5", narrow)), TraceError);
}
