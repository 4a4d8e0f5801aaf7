// SPDX-License-Identifier: Apache-2.0
// Noise measured from runs: of the size that theory gives, the same on any number of threads, growing with depth as the
// runs do; and a candidate is held against it position by position.
#include "locate/noise.h"

#include <cmath>
#include <cstdio>

#include <plumbline/error.h>

#include "locate/noise_floor.h"
#include "locate/noise_verdict.h"
#include "locate/sigma_confidence.h"
#include "oracle/backend.h"
#include "support/catch.h"
#include "unit/locate/traces.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

constexpr int64_t kWidth = 96, kVocab = 64;

Tensor pseudo_random(Shape shape, uint64_t state) {
  std::vector<double> values(static_cast<size_t>(element_count(shape)));
  for (double& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(state >> 40) * 0x1p-23 - 1.0;
  }
  return Tensor::from_values(DType::bf16, std::move(shape), values);
}

/// Rows of a table times a matrix, kept in f32: a chain of one linear layer.
Model linear_chain() {
  Model model;
  model.config.dtype = DType::bf16;
  model.parameters = {{"table", pseudo_random({kVocab, kWidth}, 1)}, {"head", pseudo_random({kVocab, kWidth}, 2)}};
  Op rows, sums;
  rows.name = "embed";
  rows.kind = OpKind::embedding;
  rows.inputs = {"tokens"};
  rows.parameters = {"table"};
  rows.attributes = {{"scale", 1.0}};
  rows.contract = "embedding/copy";
  rows.outputs = {{"embed", DType::bf16, {"batch", "token", "channel"}, false}};
  sums.name = "logits";
  sums.kind = OpKind::linear;
  sums.layer = 0;
  sums.inputs = {"embed"};
  sums.parameters = {"head"};
  sums.contract = "linear/f32out";
  sums.outputs = {{"logits", DType::f32, {"batch", "token", "vocab"}, false}};
  model.graph.ops = {rows, sums};
  return model;
}

/// Root mean square over the vocabulary of the error that an f32 sum is expected to have.
double theory(const Model& model, int64_t token) {
  const std::vector<double> table = to_values(model.parameters.at("table").view());
  const std::vector<double> head = to_values(model.parameters.at("head").view());
  double square = 0.0;
  for (int64_t v = 0; v < kVocab; ++v) {
    double sum = 0.0, sizes = 0.0;
    for (int64_t k = 0; k < kWidth; ++k) {
      const double term = table[static_cast<size_t>(token * kWidth + k)] * head[static_cast<size_t>(v * kWidth + k)];
      sum += term;
      sizes += std::fabs(term);
    }
    square += std::pow(expected_accumulation_error(Accumulator::any, kWidth, sum, sizes), 2);
  }
  return std::sqrt(square / static_cast<double>(kVocab));
}

/// Layers of one op each over two tokens, whose results are `size` times (1, -1, 2, -2) everywhere.
OpGraph ladder(int layers) {
  OpGraph graph;
  for (int layer = 0; layer < layers; ++layer) {
    Op op;
    op.name = "layer." + std::to_string(layer) + ".out";
    op.layer = layer;
    op.outputs = {{op.name, DType::f32, {"batch", "token", "channel"}, false}};
    graph.ops.push_back(op);
  }
  return graph;
}

void walk_ladder(const OpGraph& graph, double noise, TapSink& sink) {
  sink.begin_step({0, 0, {7, 8}});
  for (size_t layer = 0; layer < graph.ops.size(); ++layer) {
    const double off = noise * std::pow(2.0, static_cast<double>(layer));
    const Tensor values = Tensor::from_values(DType::f32, {1, 2, 2}, std::vector<double>{1 + off, -1, -1, 1 + off});
    sink.record(graph.ops[layer].outputs[0], values.view());
  }
}

std::vector<double> figures(const NoiseFloor& floor) {
  std::vector<double> all{floor.growth, floor.limit, floor.logits, floor.agreement, floor.kl_mean};
  for (const OpNoise& op : floor.ops) all.push_back(op.relative);
  for (const LayerNoise& layer : floor.layers) all.push_back(layer.signal);
  for (const PositionNoise& p : floor.positions) all.insert(all.end(), {p.sigma, p.kl_mean, p.agreement});
  return all;
}

}  // namespace

TEST_CASE("the confidence factors are those of the chi-square distribution") {
  CHECK(sigma_confidence_factor(8) == Approx(1.80).margin(0.005));
  CHECK(sigma_confidence_factor(16) == Approx(1.44).margin(0.005));
  CHECK(sigma_confidence_factor(30) == Approx(1.28).margin(0.005));
  CHECK(sigma_confidence_factor(2) == Approx(15.95).margin(0.01));  // 1 / sqrt(0.003932)
  CHECK(std::isinf(sigma_confidence_factor(1)));
}

TEST_CASE("the noise of one linear layer has the size that theory gives") {
  const Model model = linear_chain();
  const ResultIndex index(model.graph);
  const Step step{0, 0, {3, 60, 17, 5}};
  KeptRun exact(index);
  make_oracle_backend(model, 1)->forward(step, exact);
  std::vector<RunDistance> runs;
  for (int64_t run = 0; run < 16; ++run) {
    DistanceSink sink(exact, 1e30);
    make_oracle_backend(model, 1, {}, Draw{9, run})->forward(step, sink);
    runs.push_back(sink.take());
  }
  const NoiseFloor floor = noise_floor("Monte Carlo rounding", model.graph, exact, runs, 1.0);
  REQUIRE(floor.positions.size() == 4);
  CHECK(floor.ops[0].relative == 0.0);  // a copy has no noise
  // Deviation of a sigma measured from n normal errors: 1 / sqrt(2 n).
  const double confidence = 4.0 / std::sqrt(2.0 * 16.0 * static_cast<double>(kVocab));
  for (size_t i = 0; i < 4; ++i) {
    const double expected = theory(model, step.tokens[i]);
    std::printf("position %zu: sigma %.3g, theory %.3g\n", i, floor.positions[i].sigma, expected);
    CHECK(std::fabs(floor.positions[i].sigma / expected - 1.0) < confidence);
  }
}

TEST_CASE("growth is the slope over the layers, and the layer that forgets is the first above a tenth") {
  const OpGraph graph = ladder(8);
  const ResultIndex index(graph);
  KeptRun base(index);
  walk_ladder(graph, 0.0, base);
  std::vector<RunDistance> runs(2);
  for (RunDistance& run : runs) {
    DistanceSink sink(base, 1e30);
    walk_ladder(graph, 0.005, sink);
    run = sink.take();
  }
  const NoiseFloor floor = noise_floor("Monte Carlo rounding", graph, base, runs, 1.0);
  CHECK(floor.growth == Approx(std::log(2.0)));
  // Two of four elements are off by d: d / sqrt 2 of the result; each channel by d of sqrt 2 of deviation.
  CHECK(floor.ops[0].relative == Approx(0.005 / std::sqrt(2.0)));
  CHECK(floor.layers[3].signal == Approx(0.04 / std::sqrt(2.0)));
  CHECK(floor.forgets == 5);  // 0.005 * 2^5 / sqrt 2 = 0.11
  CHECK(noise_floor("repeats", graph, base, runs, 0.5).ops[0].relative == Approx(0.0025));
}

TEST_CASE("noise is the same on any number of threads, and another seed's is another", "[threads]") {
  const Bench bench;
  const Trace trace = bench.record("ref.h5", {text_tokens(9), 6});
  const auto floor = [&](uint64_t seed, int threads) {
    return figures(measure_noise(trace, bench.model(), {}, nullptr, {4, seed, threads}).floors.at(0));
  };
  const std::vector<double> once = floor(1, 1);
  CHECK(floor(1, 3) == once);
  CHECK(floor(2, 1) != once);
}

TEST_CASE("a run and its repeat have no noise; a run without tokens or of other ones is refused") {
  const Bench bench;
  const Trace trace = bench.record("ref.h5", {text_tokens(9)});
  const NoiseReport report =
      measure_noise(trace, bench.model(), {trace, bench.record("again.h5", {text_tokens(9)})}, nullptr, {0});
  REQUIRE(report.floors.size() == 1);
  CHECK(report.floors[0].logits == 0.0);
  CHECK(report.floors[0].agreement == 1.0);
  CHECK_THROWS_AS(measure_noise(trace, bench.model(), {}, nullptr, {0}), InputError);
  CHECK_THROWS_AS(measure_noise(trace, bench.model(), {bench.record("other.h5", {{65, 66}})}, nullptr, {0}),
                  InputError);
}
