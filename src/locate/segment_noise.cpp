// SPDX-License-Identifier: Apache-2.0
// Noisy replays of segments, op by op, all runs of one op before the next, so that inputs and weights are read once.
// A rounding that falls the other way once in a hundred runs is seldom drawn, but may reach every later element: as
// many runs again are made with a few roundings of one op of the segment forced the other way, each run at another op.
// They raise the limits and nothing else.
#include "locate/segment_noise.h"

#include <plumbline/error.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/random.h"
#include "locate/op_walk.h"
#include "locate/replay.h"
#include "oracle/judge.h"
#include "oracle/mismatch_limit.h"
#include "oracle/noisy.h"
#include "oracle/uncertain.h"

namespace plumbline {
namespace {

constexpr double kStudent = 7.47;  // quantile 1 - 1e-6 of Student's t with kNoiseRuns - 1 degrees of freedom
/// A kernel's errors have the size that noise is drawn with within a small factor, and need not be independent.
constexpr double kNoiseMargin = 4.0;
constexpr double kMasked = 1e30;             // masked scores would drown every sum
constexpr size_t kAllRuns = 2 * kNoiseRuns;  // the second half with forced roundings
constexpr int kForced = 4;                   // elements in each of those

/// What the runs left at one recorded result.
struct Tally {
  std::vector<double> unlike = std::vector<double>(kAllRuns), squares = unlike;
  double row = 0.0;      // length of the last axis
  double spacing = 0.0;  // of the largest value

  void add(const Evaluated& nominal, const Evaluated& drawn, size_t run) {
    for (size_t i = 0; i < nominal.rounded.size(); ++i) {
      const double a = nominal.rounded[i], b = drawn.rounded[i];
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      unlike[run] += 1.0;
      if (std::isfinite(b - a) && std::fabs(a) < kMasked) squares[run] += (b - a) * (b - a);
    }
  }
  void measure(const Evaluated& nominal) {
    const Rounder grid(nominal.dtype);
    row = nominal.exact.shape.empty() ? 1.0 : static_cast<double>(nominal.exact.shape.back());
    for (const double value : nominal.rounded)
      if (std::fabs(value) < kMasked) spacing = std::max(spacing, grid.spacing(value));
  }
  /// A rounding that falls the other way once in many runs changes a row of products by about a step: so much is
  /// allowed whatever the runs showed.
  NoiseLimit limit() const {
    NoiseLimit limit;
    limit.runs = kNoiseRuns;
    for (size_t run = 0; run < kNoiseRuns; ++run) {
      limit.unlike_mean += unlike[run] / kNoiseRuns;
      limit.unlike_most = std::max(limit.unlike_most, unlike[run]);
    }
    const double most = *std::max_element(unlike.begin(), unlike.end());
    const auto several = static_cast<double>(poisson_limit(kNoiseMargin * (most + 1.0)));
    limit.unlike_allowed = row + std::max(several, prediction_limit(unlike, 1.0));
    const double floor = row * spacing * spacing;
    const double largest = *std::max_element(squares.begin(), squares.end());
    limit.squares_allowed = floor + std::max(kNoiseMargin * kNoiseMargin * largest, prediction_limit(squares, floor));
    return limit;
  }
};

class NoisyReplay {
 public:
  NoisyReplay(const Replay& replay, const std::set<std::string>& ends, const std::set<std::string>& members,
              uint64_t seed)
      : replay_(replay), ends_(ends), members_(members), seed_(seed) {
    std::vector<std::string> through;
    for (const Op& op : replay.graph().ops) {
      if (!takes_part(op)) continue;
      for (const std::string& path : op.inputs) last_reader_[path] = &op;
      if (members_.contains(op.name)) through.push_back(op.name);
    }
    for (size_t i = 0; i < kNoiseRuns && !through.empty(); ++i)
      forced_.emplace(through[i * through.size() / kNoiseRuns], kNoiseRuns + i);
  }

  NoiseLimits limits() {
    for (const Step& step : replay_.steps())
      for (const Op& op : replay_.graph().ops)
        if (takes_part(op) && !lost_.contains(op.name)) run(op, step.index);
    NoiseLimits limits;
    for (const auto& [path, tally] : tallies_)
      if (!lost_.contains(replay_.graph().producer(path)->name)) limits.emplace(path, tally.limit());
    return limits;
  }

 private:
  bool takes_part(const Op& op) const { return ends_.contains(op.name) || members_.contains(op.name); }
  bool recorded(const std::string& path) const { return replay_.pairing().has(path); }

  /// Nominal inputs with parameters, or nothing: the op is then lost.
  std::optional<OpInputs> nominal_inputs(const Op& op, int64_t step) {
    ReplayInputs given = replay_.inputs(op, step);
    OpParameters parameters;
    if (!given.why_not.empty() || !load_parameters(op, replay_.model(), parameters).empty()) {
      lost_.insert(op.name);
      return std::nullopt;
    }
    given.in.parameters = std::move(parameters.values);
    given.in.input_bounds.clear();
    given.in.past_bounds.reset();
    return std::move(given.in);
  }

  /// Puts what this run drew for unrecorded inputs in the place of the nominal values.
  void disturb(const Op& op, int64_t step, size_t run, OpInputs& in) const {
    for (size_t i = 0; i < op.inputs.size(); ++i)
      if (const auto drawn = drawn_.find({op.inputs[i], step}); drawn != drawn_.end())
        in.inputs[i] = drawn->second[run];
    if (!in.past) return;
    const auto past = past_.find(op.name);
    if (past != past_.end()) in.past = past->second[run];
  }

  void run(const Op& op, int64_t step) {
    std::optional<OpInputs> in = nominal_inputs(op, step);
    if (!in) return;
    const Contract& contract = find_contract(op.contract);
    const DType dtype = replay_.model().config.dtype;
    std::vector<Evaluated> nominal;
    if (ends_.contains(op.name)) nominal = evaluate(op, contract, *in, dtype, {false, false, 1});
    for (const Evaluated& result : nominal)
      if (recorded(result.spec->path)) tallies_[result.spec->path].measure(result);
    for (size_t run = 0; run < kAllRuns; ++run) {
      disturb(op, step, run, *in);
      const Draw draw{seed_, static_cast<int64_t>(run)};
      keep(op, step, run, nominal, evaluate_noisy(op, contract, *in, dtype, draw, {false, false, 1}));
    }
    if (op.kind == OpKind::kv_append)
      if (const auto made = drawn_.find({op.outputs.front().path, step}); made != drawn_.end())
        past_[op.name] = made->second;
    for (const std::string& path : op.inputs)
      if (last_reader_.at(path) == &op) drawn_.erase({path, step});
  }

  bool is_forced(const Op& op, size_t run) const {
    const auto [first, last] = forced_.equal_range(op.name);
    return std::any_of(first, last, [run](const auto& entry) { return entry.second == run; });
  }

  /// Moves a few elements to the neighbour on their grid.
  void force(const Op& op, size_t run, Evaluated& drawn) const {
    const Rounder grid(drawn.dtype);
    SplitMix64 random(fnv1a(op.name, seed_ + run));
    for (int i = 0; i < kForced && !drawn.rounded.empty(); ++i) {
      double& value = drawn.rounded[random.next() % drawn.rounded.size()];
      if (std::fabs(value) < kMasked) value += random.uniform() < 0.5 ? grid.spacing(value) : -grid.spacing(value);
    }
  }

  void keep(const Op& op, int64_t step, size_t run, const std::vector<Evaluated>& nominal,
            std::vector<Evaluated> drawn) {
    for (size_t k = 0; k < drawn.size(); ++k) {
      const std::string& path = drawn[k].spec->path;
      if (recorded(path)) {
        if (!nominal.empty()) tallies_[path].add(nominal[k], drawn[k], run);
      } else if (members_.contains(op.name)) {
        if (is_forced(op, run)) force(op, run, drawn[k]);
        auto& values = drawn_[{path, step}];
        values.resize(kAllRuns);
        values[run] = {std::move(drawn[k].exact.shape), std::move(drawn[k].rounded)};
      }
    }
  }

  const Replay& replay_;
  const std::set<std::string>&ends_, &members_;
  uint64_t seed_;
  std::map<std::string, const Op*> last_reader_;
  std::multimap<std::string, size_t> forced_;                            // op -> runs in which its roundings are forced
  std::map<std::pair<std::string, int64_t>, std::vector<Array>> drawn_;  // per run
  std::map<std::string, std::vector<Array>> past_;                       // of unrecorded caches
  std::map<std::string, Tally> tallies_;
  std::set<std::string> lost_;
};

}  // namespace

double prediction_limit(const std::vector<double>& runs, double floor) {
  const auto n = static_cast<double>(runs.size());
  double mean = 0.0, squares = 0.0;
  for (const double value : runs) mean += std::log(value + floor) / n;
  for (const double value : runs) squares += std::pow(std::log(value + floor) - mean, 2);
  return std::exp(mean + kStudent * std::sqrt(squares / (n - 1.0) * (1.0 + 1.0 / n))) - floor;
}

NoiseLimits segment_noise(const Replay& replay, const std::set<std::string>& ends, const std::set<std::string>& members,
                          uint64_t seed) {
  return NoisyReplay(replay, ends, members, seed).limits();
}

}  // namespace plumbline
