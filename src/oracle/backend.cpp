// SPDX-License-Identifier: Apache-2.0
#include "oracle/backend.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include <plumbline/error.h>

#include "core/parallel.h"
#include "oracle/oracle.h"

namespace plumbline {
namespace {

Tensor integers(const std::vector<int64_t>& values) {
  const std::vector<double> widened(values.begin(), values.end());
  return Tensor::from_values(DType::i64, {static_cast<int64_t>(values.size())}, widened);
}

const TapSpec kTokens{"tokens", DType::i64, {"token"}, false};
const TapSpec kPositions{"positions", DType::i64, {"token"}, false};

class OracleBackend final : public Backend {
 public:
  OracleBackend(const Model& model, int threads, std::optional<OpGraph> graph, std::optional<Draw> draw)
      : model_(model), own_graph_(std::move(graph)), draw_(draw), threads_(threads > 0 ? threads : default_threads()) {}

  Tensor forward(const Step& step, TapSink& sink) override;
  std::string description() const override {
    return "oracle (f64, Eigen), " + std::to_string(threads_) + (threads_ == 1 ? " thread" : " threads");
  }
  const OpGraph& graph() const override { return own_graph_ ? *own_graph_ : model_.graph; }

 private:
  using Values = std::map<std::string, Array, std::less<>>;

  void check_step(const Step& step) const;
  Values begin(const Step& step, TapSink& sink) const;
  OpInputs gather(const Op& op, const Step& step, const Values& values) const;
  std::vector<Evaluated> evaluate_op(const Op& op, const OpInputs& in, bool inner) const;
  /// Runs one op, records its taps, keeps its results; returns the first one as stored.
  Tensor run(const Op& op, const Step& step, TapSink& sink, Values& values);

  const Model& model_;
  const std::optional<OpGraph> own_graph_;
  const std::optional<Draw> draw_;
  int threads_;
  int64_t next_position_ = 0;
  Values cache_;  ///< outputs of kv_append ops, by path
};

void OracleBackend::check_step(const Step& step) const {
  if (step.first_position == next_position_ && !step.tokens.empty()) return;
  throw InputError(
      "a step does not follow the last one",
      {"first position  " + std::to_string(step.first_position), "expected        " + std::to_string(next_position_),
       "tokens          " + std::to_string(step.tokens.size())},
      "feed every token once, in order");
}

OracleBackend::Values OracleBackend::begin(const Step& step, TapSink& sink) const {
  std::vector<int64_t> positions(step.tokens.size());
  std::iota(positions.begin(), positions.end(), step.first_position);
  const Tensor tokens = integers(step.tokens), places = integers(positions);
  sink.begin_step(step);
  if (sink.wants("tokens")) sink.record(kTokens, tokens.view());
  if (sink.wants("positions")) sink.record(kPositions, places.view());
  return {{"tokens", to_array(tokens.view())}, {"positions", to_array(places.view())}};
}

OpInputs OracleBackend::gather(const Op& op, const Step& step, const Values& values) const {
  OpInputs in;
  in.first_position = step.first_position;
  for (const std::string& path : op.inputs) in.inputs.push_back(values.at(path));
  for (const std::string& name : op.parameters) {
    const auto found = model_.parameters.find(name);
    if (found == model_.parameters.end())
      throw BackendError("a parameter is missing", {"op         " + op.name, "parameter  " + name}, "");
    in.parameters.push_back(to_array(found->second.view()));
  }
  if (op.kind == OpKind::kv_append) {
    const auto past = cache_.find(op.outputs.at(0).path);
    if (past != cache_.end()) in.past = past->second;
  }
  return in;
}

std::vector<Evaluated> OracleBackend::evaluate_op(const Op& op, const OpInputs& in, bool inner) const {
  const Contract& contract = find_contract(op.contract);
  const EvaluateOptions options{.bounds = false, .inner = inner, .threads = threads_};
  if (draw_) return evaluate_noisy(op, contract, in, model_.config.dtype, *draw_, options);
  return evaluate(op, contract, in, model_.config.dtype, options);
}

Tensor OracleBackend::run(const Op& op, const Step& step, TapSink& sink, Values& values) {
  const bool inner = std::any_of(op.outputs.begin(), op.outputs.end(),
                                 [&](const TapSpec& spec) { return spec.inner && sink.wants(spec.path); });
  std::vector<Evaluated> outputs = evaluate_op(op, gather(op, step, values), inner);
  Tensor first;
  for (Evaluated& output : outputs) {
    const TapSpec& spec = *output.spec;
    const Tensor stored = Tensor::from_values(output.dtype, output.exact.shape, output.rounded);
    if (sink.wants(spec.path)) {
      TapSpec as_stored = spec;
      as_stored.dtype = output.dtype;
      sink.record(as_stored, stored.view());
    }
    if (first.empty()) first = stored;
    if (spec.inner) continue;
    Array kept{output.exact.shape, std::move(output.rounded)};
    if (op.kind == OpKind::kv_append) cache_[spec.path] = kept;
    values[spec.path] = std::move(kept);
  }
  return first;
}

Tensor OracleBackend::forward(const Step& step, TapSink& sink) {
  check_step(step);
  Values values = begin(step, sink);
  Tensor logits;
  for (const Op& op : graph().ops) logits = run(op, step, sink, values);
  next_position_ += static_cast<int64_t>(step.tokens.size());
  return logits;
}

}  // namespace

std::unique_ptr<Backend> make_oracle_backend(const Model& model, int threads, std::optional<OpGraph> graph,
                                             std::optional<Draw> draw) {
  return std::make_unique<OracleBackend>(model, threads, std::move(graph), draw);
}

}  // namespace plumbline
