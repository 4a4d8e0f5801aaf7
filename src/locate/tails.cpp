// SPDX-License-Identifier: Apache-2.0
#include "locate/tails.h"

#include <algorithm>

#include "core/parallel.h"
#include "core/progress.h"
#include "locate/selection.h"

namespace plumbline {
namespace {

constexpr size_t kTogether = 64;  // tails that share one reading of the parameters

size_t place_of(const std::vector<Step>& steps, int64_t index) {
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const Step& step) { return step.index == index; });
  return static_cast<size_t>(found - steps.begin());
}

}  // namespace

struct Tails::Chain {
  const RecordedState& state;
  SideId side;
  size_t cut;
  std::vector<StepValues> own;  ///< per step, what the tail computed and still needs
};

Tails::Tails(const PairedTraces& traces, const RecordedState& reference, const RecordedState& candidate, int threads)
    : traces_(traces),
      graph_(traces.graph()),
      model_(traces.model(SideId::reference)),
      reference_(reference),
      candidate_(candidate),
      threads_(threads > 0 ? threads : default_threads()),
      path_(graph_.ops.back().outputs.front().path) {
  for (size_t i = 0; i < graph_.ops.size(); ++i)
    for (const std::string& path : graph_.ops[i].inputs) last_reader_[path] = i;
  last_reader_[path_] = graph_.ops.size();
  const size_t first = place_of(reference.steps(), traces.alignment().pairs.front().reference_step);
  vocabulary_ = reference.value(path_, first).shape.back();
}

void Tails::run_op(size_t index, std::vector<Array>& parameters, Chain& chain) const {
  const Op& op = graph_.ops[index];
  const auto value = [&](const std::string& path, size_t step) {
    const auto own = chain.own[step].find(path);
    return own != chain.own[step].end() ? own->second : chain.state.value(path, step);
  };
  const std::vector<Step>& steps = chain.state.steps();
  for (size_t step = 0; step < steps.size(); ++step) {
    OpInputs in = inputs_by(op, steps[step], step, value);
    in.parameters = std::move(parameters);
    std::vector<Array> results = evaluate_unrounded(op, in, model_.config.dtype);
    parameters = std::move(in.parameters);
    for (size_t i = 0; i < results.size(); ++i) chain.own[step][op.outputs[i].path] = std::move(results[i]);
  }
  for (const std::string& path : op.inputs) {
    if (last_reader_.at(path) != index) continue;
    for (StepValues& values : chain.own) values.erase(path);
  }
}

std::vector<double> Tails::collect(const Chain& chain) const {
  std::vector<double> rows;
  std::string why_not;
  for (const StepPair& pair : traces_.alignment().pairs) {
    const bool reference = chain.side == SideId::reference;
    const size_t step = place_of(chain.state.steps(), reference ? pair.reference_step : pair.candidate_step);
    const auto own = chain.own[step].find(path_);
    const Array logits = own != chain.own[step].end() ? own->second : chain.state.value(path_, step);
    const auto selection = select(logits.shape, traces_.pairing().usable.at(path_), pair, chain.side, why_not);
    const std::vector<double> block = gather(logits.values, selection.value());
    rows.insert(rows.end(), block.begin(), block.end());
  }
  return rows;
}

std::vector<std::vector<double>> Tails::batch(const std::vector<TailStart>& starts) const {
  std::vector<Chain> chains;
  size_t first = graph_.ops.size();
  for (const TailStart& start : starts) {
    chains.push_back({state(start.side), start.side, start.cut, {}});
    chains.back().own.resize(chains.back().state.steps().size());
    first = std::min(first, start.cut);
  }
  const auto groups = static_cast<size_t>(std::min<int64_t>(threads_, static_cast<int64_t>(chains.size())));
  Progress progress("replaying tails of the graph", static_cast<int64_t>(graph_.ops.size() - first));
  for (size_t index = first; index < graph_.ops.size(); ++index, progress.advance()) {
    const std::vector<Array> parameters = required_parameters(graph_.ops[index], model_);
    parallel_for(static_cast<int64_t>(groups), threads_, [&](int64_t group) {
      std::vector<Array> loan = parameters;  // handed from tail to tail instead of being copied for each
      for (size_t i = static_cast<size_t>(group); i < chains.size(); i += groups)
        if (chains[i].cut <= index) run_op(index, loan, chains[i]);
    });
  }
  std::vector<std::vector<double>> rows;
  for (const Chain& chain : chains) rows.push_back(collect(chain));
  return rows;
}

std::vector<std::vector<double>> Tails::logits(const std::vector<TailStart>& starts) const {
  std::vector<std::vector<double>> all;
  for (size_t first = 0; first < starts.size(); first += kTogether) {
    const size_t end = std::min(starts.size(), first + kTogether);
    const auto at = [&](size_t i) { return starts.begin() + static_cast<std::ptrdiff_t>(i); };
    for (std::vector<double>& rows : batch({at(first), at(end)})) all.push_back(std::move(rows));
  }
  return all;
}

}  // namespace plumbline
