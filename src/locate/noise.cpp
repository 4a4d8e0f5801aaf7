// SPDX-License-Identifier: Apache-2.0
// What is run and read: the exact replay of the reference's tokens and graph, drawn runs of the same, repeats, and the
// two traces themselves. All are measured by one sink.
#include "locate/noise.h"

#include <plumbline/error.h>

#include <algorithm>

#include "core/parallel.h"
#include "core/progress.h"
#include "locate/foreign.h"
#include "locate/formats.h"
#include "locate/noise_floor.h"
#include "locate/noise_verdict.h"
#include "locate/provenance.h"
#include "locate/run_distance.h"
#include "oracle/backend.h"
#include "oracle/uncertain.h"

namespace plumbline {
namespace {

/// What the runs of one pass may hold at a time of widened parameters.
constexpr int64_t kWidenedBytes = int64_t{2} << 30;

struct Subject {
  Trace trace;
  std::vector<Step> steps;
};

class Measurement {
 public:
  Measurement(const Trace& reference, const Model& checkpoint, const NoiseOptions& options, NoiseReport& report)
      : options_(options),
        report_(report),
        model_(model_in(format_of_run(reference, checkpoint), checkpoint, storage_)),
        graph_(reference.header().graph_json.empty() ? model_.graph
                                                     : op_graph_from_json(reference.header().graph_json)),
        index_(graph_),
        mask_(mask_magnitude(model_.config.dtype)),
        reference_(subject(reference)),
        reference_run_(index_),
        exact_(index_) {
    feed(reference_.trace, reference_.steps, reference_run_);
  }

  void monte_carlo();
  void repeats(const std::vector<Trace>& traces);
  NoiseVerdict against(const Trace& candidate);

 private:
  Subject subject(const Trace& stored) {
    const Trace trace = fit_to_graph(stored, graph_, options_.threads, report_.notes);
    return {trace, steps_of(trace, graph_)};
  }
  void require_tokens() const;
  void run(std::optional<Draw> draw, int threads, TapSink& sink) const;
  RunDistance distance(const Subject& other, const KeptRun& base) const;

  const NoiseOptions& options_;
  NoiseReport& report_;
  std::optional<Model> storage_;
  const Model& model_;
  const OpGraph graph_;
  const ResultIndex index_;
  const double mask_;
  const Subject reference_;
  KeptRun reference_run_, exact_;
};

void Measurement::require_tokens() const {
  for (const Step& step : reference_.steps) {
    if (std::find(step.tokens.begin(), step.tokens.end(), kUnknownToken) == step.tokens.end()) continue;
    throw InputError("the trace does not say which tokens were fed", {"file  " + reference_.trace.file().string()},
                     "record it with its tap \"tokens\", or measure repeats only: --runs 0 --repeats TRACE");
  }
  if (reference_.steps.empty())
    throw InputError("the trace holds no step", {"file  " + reference_.trace.file().string()}, "");
}

void Measurement::run(std::optional<Draw> draw, int threads, TapSink& sink) const {
  const std::unique_ptr<Backend> backend = make_oracle_backend(model_, threads, graph_, draw);
  for (const Step& step : reference_.steps) backend->forward(step, sink);
}

RunDistance Measurement::distance(const Subject& other, const KeptRun& base) const {
  DistanceSink sink(base, mask_);
  feed(other.trace, other.steps, sink);
  return sink.take();
}

void Measurement::monte_carlo() {
  require_tokens();
  int64_t largest = 1;
  for (const auto& [name, tensor] : model_.parameters) largest = std::max(largest, tensor.view().count());
  const int all = options_.threads > 0 ? options_.threads : default_threads();
  const auto fit = static_cast<int>(std::clamp<int64_t>(kWidenedBytes / (largest * 8), 1, all));
  const int together = std::min(fit, options_.runs);
  std::vector<RunDistance> runs(static_cast<size_t>(options_.runs));
  Progress progress("noise, runs", options_.runs + 1);
  run(std::nullopt, all, exact_);
  progress.advance();
  parallel_for(options_.runs, together, [&](int64_t i) {
    DistanceSink sink(exact_, mask_);
    run(Draw{options_.seed, i}, std::max(1, all / together), sink);
    runs[static_cast<size_t>(i)] = sink.take();
    progress.advance();
  });
  report_.floors.push_back(noise_floor("Monte Carlo rounding", graph_, exact_, runs, 1.0));
}

void Measurement::repeats(const std::vector<Trace>& traces) {
  std::vector<RunDistance> runs;
  for (const Trace& trace : traces) {
    const Subject repeat = subject(trace);
    const Alignment alignment = align_steps(reference_.steps, repeat.steps);
    if (alignment.positions == 0 || alignment.in_prompt)
      throw InputError("a repeat was fed other tokens than the reference",
                       {"reference  " + reference_.trace.file().string(), "repeat     " + trace.file().string()},
                       "record both with the same prompt");
    runs.push_back(distance(repeat, reference_run_));
  }
  report_.floors.push_back(noise_floor("repeats", graph_, reference_run_, runs, 0.5));
}

NoiseVerdict Measurement::against(const Trace& trace) {
  const Subject candidate = subject(trace);
  const NoiseFloor floor = governing_floor(report_.floors);
  NoiseVerdict verdict = noise_verdict(floor, reference_run_, distance(candidate, reference_run_));
  verdict.file = trace.file().string();
  verdict.backend = trace.header().backend;
  verdict.reference_sigmas = worst_sigmas(floor, distance(reference_, exact_));
  verdict.candidate_sigmas = worst_sigmas(floor, distance(candidate, exact_));
  if (verdict.outcome == NoiseOutcome::beyond && verdict.reference_sigmas > floor.limit)
    verdict.reason = verdict.candidate_sigmas > floor.limit
                         ? "both sides lie beyond the noise of the exact replay"
                         : "the reference lies beyond the noise of the exact replay, the candidate not";
  return verdict;
}

/// Another checkpoint would give another floor.
void require_checkpoint(const Trace& reference, const Trace& other, const Model& model, NoiseReport& report) {
  const std::optional<Finding> finding = checkpoint_finding(reference, other, &model, report.notes);
  if (finding) throw InputError(finding->title, finding->evidence, "give the checkpoint of the reference with --model");
}

}  // namespace

NoiseReport measure_noise(const Trace& reference, const Model& checkpoint, const std::vector<Trace>& repeats,
                          const Trace* candidate, const NoiseOptions& options) {
  if (options.runs == 0 && repeats.empty())
    throw InputError("there is nothing to measure noise by", {"runs     0", "repeats  none"},
                     "give --runs 16, or traces with --repeats");
  NoiseReport report;
  const TraceHeader& header = reference.header();
  report.file = reference.file().string();
  report.backend = header.backend;
  report.architecture = header.architecture;
  report.model = checkpoint.directory.string();
  report.seed = options.seed;
  require_checkpoint(reference, candidate != nullptr ? *candidate : reference, checkpoint, report);
  Measurement measurement(reference, checkpoint, options, report);
  if (options.runs > 0) measurement.monte_carlo();
  if (!repeats.empty()) measurement.repeats(repeats);
  if (candidate != nullptr) report.against = measurement.against(*candidate);
  return report;
}

}  // namespace plumbline
