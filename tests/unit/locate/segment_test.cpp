// SPDX-License-Identifier: Apache-2.0
// Segments: whatever taps are missing on either side, a planted defect lies inside the segment that is named, or the
// verdict is unknown; it is never parity. Honest rounding is never a finding.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "core/random.h"
#include "locate/codes.h"
#include "locate/find.h"
#include "locate/segment_noise.h"
#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

using Keep = std::function<bool(const std::string& path)>;

Trace only(const Trace& trace, const Keep& keep) {
  std::vector<std::pair<TapEntry, Tensor>> kept;
  for (const TapEntry& tap : trace.taps())
    if (tap.path == "tokens" || tap.path == "positions" || keep(tap.path)) kept.emplace_back(tap, trace.read(tap));
  return trace.with_only(std::move(kept));
}

/// What hooks on the modules of a model give.
bool is_module(const std::string& path) {
  return path == "embed" || path == "logits" || path.ends_with("_proj") || path.ends_with("norm.out") ||
         path.ends_with("resid2") || path.starts_with("rope.");
}

bool is_end(const std::string& path) { return path == "embed" || path == "logits"; }

/// Keeps each path with probability `share`.
Keep at_random(double share, uint64_t seed) {
  return [=](const std::string& path) { return SplitMix64(fnv1a(path, seed)).uniform() < share; };
}

FindReport find(const Trace& reference, const Trace& candidate, int threads = 2) {
  FindOptions options;
  options.threads = threads;
  options.draws = 0;
  options.ignore_digests = true;  // the numbers alone
  return find_divergence(reference, candidate, bench().model(), options);
}

/// An honest implementation: the oracle, every open rounding drawn.
Trace drawn(const std::string& name, int64_t run, std::vector<std::string> faults = {}) {
  Bench::Run recorded{text_tokens(12)};
  recorded.draw = Draw{77, run};
  recorded.faults = std::move(faults);
  recorded.edit_header = [](TraceHeader& header) { header.graph_json = to_json(bench().model().graph); };  // hides it
  return bench().record(name, recorded);
}

bool names_one_of(const FindReport& report, const std::set<std::string>& ops) {
  const Finding* first = report.first_divergence();
  if (first == nullptr) return false;
  if (ops.contains(first->op)) return true;
  const auto row =
      std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& one) { return one.op == first->op; });
  return std::any_of(row->segment.begin(), row->segment.end(), [&](const auto& op) { return ops.contains(op); });
}

std::string told(const FindReport& report) {
  std::string text = report.headline;
  for (const Finding& finding : report.findings) {
    text += "\n" + finding.code + " " + finding.title;
    for (const std::string& line : finding.evidence) text += "\n  " + line;
  }
  return text;
}

struct Planted {
  std::string fault;
  std::set<std::string> ops;
};

const std::vector<Planted>& planted() {
  static const std::vector<Planted> all = {
      {"rope.theta=1e4@layer.2", {"layer.2.attn.q_rope", "layer.2.attn.k_rope"}},
      {"gqa.map@layer.1", {"layer.1.attn.scores_raw", "layer.1.attn.ctx"}},
      {"mask.off_by_one@layer.3", {"layer.3.attn.scores_masked"}},
      {"softmax.scale_missing@layer.0", {"layer.0.attn.scores_scaled"}},
      {"norm.single_rounding@layer.2.in_norm", {"layer.2.in_norm"}},
      {"norm.eps=1e-3@layer.1.post_norm", {"layer.1.post_norm"}},
      {"k_norm.dropped@layer.1", {"layer.1.attn.k_norm"}},
      {"residual.dropped@layer.2.resid1", {"layer.2.resid1"}},
      {"weight.transposed@layer.3.attn.o_proj", {"layer.3.attn.o_proj"}},
      {"mlp.gate_up_swapped@layer.0", {"layer.0.mlp.gate_proj", "layer.0.mlp.up_proj"}},
      {"head.untied", {"logits"}},
  };
  return all;
}

/// Pairs of subsets, one per side.
std::vector<std::pair<Keep, Keep>> subsets(uint64_t seed, int count) {
  SplitMix64 random(seed);
  std::vector<std::pair<Keep, Keep>> all;
  seed % 2 == 0 ? all.emplace_back(is_module, is_module) : all.emplace_back(is_end, is_end);
  for (int i = 0; i < count; ++i) {
    const double left = 0.05 + 0.95 * random.uniform(), right = 0.05 + 0.95 * random.uniform();
    all.emplace_back(at_random(left, random.next()), at_random(right, random.next()));
  }
  return all;
}

/// A longer search than the tests have time for: PLUMBLINE_SUBSETS=200.
int subsets_per_fault() {
  const char* asked = std::getenv("PLUMBLINE_SUBSETS");
  return asked == nullptr ? 1 : std::atoi(asked);
}

}  // namespace

TEST_CASE("whatever taps are missing, a defect lies in the named segment or the verdict is unknown") {
  const Trace reference = bench().record("segments_ref.h5", {text_tokens(12)});
  int number = 0, named = 0, narrow = 0;
  for (const Planted& one : planted()) {
    const Trace faulty = drawn("segments" + std::to_string(number) + ".h5", number, {one.fault});
    for (const auto& [left, right] : subsets(static_cast<uint64_t>(1000 + number++), subsets_per_fault())) {
      const FindReport report = find(only(reference, left), only(faulty, right));
      INFO(one.fault << "\n" << told(report));
      CHECK(report.outcome != Outcome::parity);
      if (report.outcome != Outcome::divergence) continue;
      CHECK(names_one_of(report, one.ops));
      ++named;
      narrow += report.first_divergence()->code == code::kBeyondNoise ? 0 : 1;
    }
  }
  CHECK(named > number);  // of two each: unknown is the exception
  CHECK(narrow > 0);
}

TEST_CASE("whatever taps are missing, honest rounding is no finding") {
  const Trace reference = bench().record("honest_ref.h5", {text_tokens(12)});
  for (int64_t run = 0; run < 3; ++run) {
    const Trace honest = drawn("honest" + std::to_string(run) + ".h5", 100 + run);
    for (const auto& [left, right] : subsets(static_cast<uint64_t>(run), subsets_per_fault())) {
      const FindReport report = find(only(reference, left), only(honest, right));
      INFO(told(report));
      CHECK(report.outcome != Outcome::divergence);
      CHECK(report.first_divergence() == nullptr);
    }
    const FindReport modules = find(only(reference, is_module), only(honest, is_module));
    INFO(told(modules));
    CHECK(modules.outcome == Outcome::parity);
    CHECK(modules.coverage.share() == 1.0);
  }
}

TEST_CASE("a segment over the whole model is judged by the noise of its replay, and says which tap halves it",
          "[threads]") {
  const Trace reference = bench().record("whole_ref.h5", {text_tokens(12)});
  const Trace faulty = drawn("whole.h5", 1, {"rope.theta=1e4@layer.1"});
  const FindReport report = find(reference, only(faulty, is_end));
  INFO(told(report));
  REQUIRE(report.outcome == Outcome::divergence);
  const Finding& first = *report.first_divergence();
  CHECK(first.code == "P0208");
  CHECK(first.op == "logits");
  CHECK(told(report).find("judged by Monte Carlo noise of 16 replays") != std::string::npos);
  CHECK(std::any_of(first.help.begin(), first.help.end(), [](const std::string& line) {
    return line.starts_with("record layer.1.") && line.ends_with(" on both sides: it halves the segment");
  }));
  const FindReport one_thread = find(reference, only(faulty, is_end), 1);
  CHECK(told(one_thread) == told(report));
}

TEST_CASE("what comes after the last common tap is unknown, not passed over") {
  const Trace reference = bench().record("early_ref.h5", {text_tokens(12)});
  const Trace faulty = drawn("early.h5", 1, {"residual.dropped@layer.3.resid2"});
  const Keep early = [](const std::string& path) { return !path.starts_with("layer.3.") && !is_end(path); };
  const FindReport report =
      find(reference, only(faulty, [&](const auto& path) { return early(path) && path != "final_norm.out"; }));
  INFO(told(report));
  CHECK(report.outcome == Outcome::inconclusive);
  CHECK(told(report).find("any tap after it") != std::string::npos);
}

TEST_CASE("the limit of noise lies above what was drawn, and follows its spread") {
  const std::vector<double> steady(16, 10.0);
  CHECK(prediction_limit(steady, 1.0) == Approx(10.0));
  std::vector<double> wide = steady;
  wide[3] = 40.0;
  CHECK(prediction_limit(wide, 1.0) > 40.0);
}
