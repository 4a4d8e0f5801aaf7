// SPDX-License-Identifier: Apache-2.0
// How kernel options show in the graph. Invariant: graph() tells what the kernels round, so that the oracle can replay
// them. Left to others: running it.
#include <algorithm>

#include <plumbline/error.h>

#include "cuda/pipeline/fusion_plan.h"
#include "cuda/pipeline/pipeline.h"

namespace plumbline {
namespace {

constexpr std::string_view kVariants[] = {"hf", "single", "f32", "unfused"};

void check_options(const OpGraph& graph, const KernelOptions& options) {
  if (std::ranges::find(kVariants, options.qkv) == std::end(kVariants)) {
    throw BackendError("kernels: unknown variant '" + options.qkv + "' of the fused norm and projections", {},
                       "take hf, single, f32 or unfused");
  }
  const bool known = std::ranges::any_of(graph.ops, [&](const Op& op) { return op.layer == options.qkv_layer; });
  if (options.qkv_layer >= 0 && !known) {
    throw BackendError("kernels: the model has no layer " + std::to_string(options.qkv_layer), {},
                       "name a layer of the model, or none for all");
  }
  if (options.block_threads < 32 || options.block_threads > 1024 || options.block_threads % 32 != 0) {
    throw BackendError("kernels: a block must be whole warps, 32 to 1024 threads",
                       {"asked for " + std::to_string(options.block_threads)}, "take 128");
  }
  if (options.threads < 0)
    throw BackendError("kernels: the number of threads cannot be negative", {}, "take 0 for all of them");
}

/// Only rmsnorm/llama makes the value n; only rmsnorm/f32 leaves its output in f32.
void match_outputs(Op& norm) {
  if (norm.contract != "rmsnorm/llama") {
    std::erase_if(norm.outputs, [&](const TapSpec& output) { return output.inner && output.path == norm.name + ".n"; });
  }
  norm.outputs.front().dtype = norm.contract == "rmsnorm/f32" ? DType::f32 : DType::bf16;
}

}  // namespace

OpGraph graph_as_run(const OpGraph& graph, const KernelOptions& options) {
  check_options(graph, options);
  OpGraph result = graph;
  if (options.qkv == "single" || options.qkv == "f32") {
    for (const PlanStep& step : make_plan(graph)) {
      if (step.kind != StepKind::norm_qkv) continue;
      const Op& norm = step.op("norm");
      if (options.qkv_layer >= 0 && norm.layer != options.qkv_layer) continue;
      Op& rewritten = result.ops[static_cast<size_t>(&norm - graph.ops.data())];
      rewritten.contract = options.qkv == "single" ? "rmsnorm/olmo" : "rmsnorm/f32";
    }
  }
  for (Op& op : result.ops) {
    if (op.kind == OpKind::rmsnorm && !op.outputs.empty()) match_outputs(op);
  }
  return result;
}

}  // namespace plumbline
