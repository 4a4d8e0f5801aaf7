// SPDX-License-Identifier: Apache-2.0
// The trace is paired with itself: what it recorded is what an op is judged on.
#include "locate/contract_fits.h"

#include <plumbline/error.h>

#include <algorithm>

#include "core/parallel.h"
#include "core/progress.h"
#include "locate/foreign.h"
#include "locate/formats.h"
#include "locate/op_walk.h"

namespace plumbline {
namespace {

/// As for find: the wrong rounding point gives 0.2 to 0.5.
constexpr double kMostUnequal = 1e-3;
constexpr std::string_view kSumsInF32 = "linear/f32acc";

ContractFit fit_of(const Context& context, const Op& op, const Contract& contract, const std::vector<Array>& parameters,
                   std::string& why_not) {
  const JudgedSide side = judge_side(context, SideId::candidate, op, contract, parameters);
  ContractFit fit{std::string(contract.name), false, 1.0, 0.0};
  if (!side.why_not.empty()) {
    why_not = side.why_not;
    return fit;
  }
  const Mismatch mismatch = mismatch_of(side);
  fit.unequal = mismatch.share;
  fit.expected = mismatch.expected;
  // A result in f32 shows every order of accumulation in its last bits: there the bounds alone decide.
  const bool coarse = contract.grid("out") == Grid::model && context.model.config.dtype != DType::f32;
  fit.explains = side.passed() && (!coarse || fit.unequal <= std::max(kMostUnequal, 10.0 * fit.expected));
  return fit;
}

bool sums_in_f32(const OpContracts& op) {
  return op.kind == op_kind_name(OpKind::linear) &&
         std::any_of(op.fits.begin(), op.fits.end(),
                     [](const ContractFit& fit) { return fit.explains && fit.contract == kSumsInF32; });
}

OpContracts contracts_of(const Context& context, const Op& op) {
  OpContracts result{op.name, std::string(op_kind_name(op.kind)), op.contract, op.layer, {}, "", {}};
  const bool recorded = std::any_of(op.outputs.begin(), op.outputs.end(),
                                    [&](const TapSpec& spec) { return !spec.inner && context.pairing.has(spec.path); });
  OpParameters parameters;
  result.reason = recorded ? load_parameters(op, context.model, parameters) : "its results were not recorded";
  if (!result.reason.empty()) return result;
  for (const Contract* contract : contracts_for(op.kind)) {
    const ContractFit fit = fit_of(context, op, *contract, parameters.values, result.reason);
    if (!result.reason.empty()) break;
    result.fits.push_back(fit);
  }
  if (!result.reason.empty()) result.fits.clear();
  if (sums_in_f32(result))
    result.orders = order_fits(context, SideId::candidate, op, find_contract(kSumsInF32), parameters.values);
  std::stable_sort(result.fits.begin(), result.fits.end(), [](const ContractFit& a, const ContractFit& b) {
    return a.explains != b.explains ? a.explains : a.unequal < b.unequal;
  });
  if (op.kind == OpKind::rmsnorm && result.explained()) result.orders = norm_order_fits(context, SideId::candidate, op);
  return result;
}

}  // namespace

size_t TraceContracts::judged() const {
  return static_cast<size_t>(
      std::count_if(ops.begin(), ops.end(), [](const OpContracts& op) { return !op.fits.empty(); }));
}

size_t TraceContracts::explained() const {
  return static_cast<size_t>(
      std::count_if(ops.begin(), ops.end(), [](const OpContracts& op) { return op.explained(); }));
}

TraceContracts contract_fits(const Trace& stored, const Model& checkpoint, int threads) {
  std::optional<Model> storage;
  const Model& model = model_in(format_of_run(stored, checkpoint), checkpoint, storage);
  const TraceHeader& header = stored.header();
  const OpGraph graph = header.graph_json.empty() ? model.graph : op_graph_from_json(header.graph_json);
  std::vector<std::string> notes;
  const Trace trace = fit_to_graph(stored, graph, threads, notes);
  const std::vector<Step> steps = steps_of(trace, graph);
  const Alignment alignment = align_steps(steps, steps);
  const Pairing pairing = pair_taps(trace, trace, graph, alignment);
  Replay replay(trace, steps, graph, model, pairing);
  replay.prepare();
  const FindOptions options;
  const Context context{options, model, model, graph, graph, trace, trace, alignment, pairing, replay, replay};
  TraceContracts result{stored.file().string(), header.backend, header.architecture, model.directory.string(), {}};
  result.ops.resize(graph.ops.size());
  Progress progress("replaying ops under every contract", static_cast<int64_t>(graph.ops.size()));
  parallel_for(static_cast<int64_t>(graph.ops.size()), threads, [&](int64_t i) {
    result.ops[static_cast<size_t>(i)] = contracts_of(context, graph.ops[static_cast<size_t>(i)]);
    progress.advance();
  });
  return result;
}

}  // namespace plumbline
