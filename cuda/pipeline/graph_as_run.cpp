// SPDX-License-Identifier: Apache-2.0
// How kernel options show in the graph. Invariant: graph() tells what the kernels round and in which order they run, so
// that the oracle can replay them. Left to others: running it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include <plumbline/error.h>

#include "cuda/pipeline/fusion_plan.h"
#include "cuda/pipeline/pipeline.h"

namespace plumbline {
namespace {

void check_options(const OpGraph& graph, const KernelOptions& options) {
  if (std::ranges::find(qkv_variants(), options.qkv) == qkv_variants().end()) {
    throw BackendError("kernels: unknown variant '" + options.qkv + "' of the fused norm and projections", {},
                       fmt::format("take one of {}", fmt::join(qkv_variants(), ", ")));
  }
  if (std::ranges::find(kernel_numerics(), options.numerics) == kernel_numerics().end()) {
    throw BackendError("kernels: unknown numerics '" + options.numerics + "'", {},
                       fmt::format("take one of {}", fmt::join(kernel_numerics(), ", ")));
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

/// The ops of `role` in steps of that kind whose layer the options are for, as indices of graph.ops.
std::vector<size_t> chosen(const OpGraph& graph, const KernelOptions& options, StepKind kind, std::string_view role) {
  std::vector<size_t> indices;
  for (const PlanStep& step : make_plan(graph)) {
    const Op* op = step.kind == kind ? step.find(role) : nullptr;
    if (op != nullptr && options.runs(options.qkv, op->layer))
      indices.push_back(static_cast<size_t>(op - graph.ops.data()));
  }
  return indices;
}

void set_norm_contract(OpGraph& graph, const KernelOptions& options, const char* contract) {
  for (const size_t index : chosen(graph, options, StepKind::norm_qkv, "norm")) {
    Op& norm = graph.ops[index];
    if (norm.contract == "rmsnorm/gemma")
      throw BackendError(
          "kernels: variant '" + options.qkv + "' has no norm with an offset, which op '" + norm.name + "' needs",
          {"contract  " + norm.contract}, "take variant hf");
    norm.contract = contract;
  }
}

bool keeps_f32(const KernelOptions& options) {
  return options.qkv == "f32" || options.qkv == "minimal_f32" || options.qkv == "tf32" || options.qkv == "fp16_tiles";
}

void set_product_contract(OpGraph& graph, const KernelOptions& options, const char* contract) {
  for (const char* role : {"q", "k", "v"})
    for (const size_t index : chosen(graph, options, StepKind::norm_qkv, role)) graph.ops[index].contract = contract;
}

/// The only op that reads this one's result, or nullptr.
Op* only_reader(OpGraph& graph, const Op& op) {
  Op* reader = nullptr;
  for (Op& other : graph.ops) {
    if (std::ranges::find(other.inputs, op.outputs.front().path) == other.inputs.end()) continue;
    if (reader != nullptr) return nullptr;
    reader = &other;
  }
  return reader;
}

/// Queries and keys stay in f32 up to the norm of their heads, which rounds once; without such a norm the projection
/// rounds, as that of the values does.
void keep_f32_up_to_head_norms(OpGraph& graph, const KernelOptions& options) {
  for (const char* role : {"q", "k"}) {
    for (const size_t index : chosen(graph, options, StepKind::norm_qkv, role)) {
      Op& projection = graph.ops[index];
      Op* reader = only_reader(graph, projection);
      if (reader == nullptr || reader->kind != OpKind::rmsnorm) continue;
      projection.contract = "linear/f32out";
      projection.outputs.front().dtype = DType::f32;
      reader->contract = "rmsnorm/olmo";  // set_norm_contract has refused norms with an offset
    }
  }
}

/// The norms of query and key heads read nothing of each other: either may come first.
void put_k_norm_first(OpGraph& graph, const KernelOptions& options) {
  const std::vector<size_t> k_norms = chosen(graph, options, StepKind::heads, "k_norm");
  if (k_norms.empty())
    throw BackendError("kernels: no layer has a norm of its key heads to run on its own", {},
                       "take variant hf, or a model that norms its keys");
  for (const size_t k_norm : k_norms) {
    const auto at = [&](size_t index) { return graph.ops.begin() + static_cast<std::ptrdiff_t>(index); };
    for (const size_t q_norm : chosen(graph, options, StepKind::heads, "q_norm"))
      if (q_norm < k_norm && graph.ops[q_norm].layer == graph.ops[k_norm].layer)
        std::rotate(at(q_norm), at(k_norm), at(k_norm + 1));
  }
}

}  // namespace

const std::vector<std::string>& qkv_variants() {
  static const std::vector<std::string> names = {"hf",  "exact",       "unfused", "separate_k_norm", "single",
                                                 "f32", "minimal_f32", "tf32",    "fp16_tiles"};
  return names;
}

const std::vector<std::string>& kernel_numerics() {
  static const std::vector<std::string> names = {"portable", "torch/sm90", "torch/sm90-h100", "torch/sm90-h200"};
  return names;
}

OpGraph graph_as_run(const OpGraph& graph, const KernelOptions& options) {
  check_options(graph, options);
  OpGraph result = graph;
  if (options.qkv == "single") set_norm_contract(result, options, "rmsnorm/olmo");
  if (keeps_f32(options)) set_norm_contract(result, options, "rmsnorm/f32");
  if (options.qkv == "tf32") set_product_contract(result, options, "linear/tf32");
  if (options.qkv == "fp16_tiles") set_product_contract(result, options, "linear/f16");
  if (options.qkv == "minimal_f32") keep_f32_up_to_head_norms(result, options);
  if (options.qkv == "separate_k_norm") put_k_norm_first(result, options);
  for (Op& op : result.ops) {
    if (op.kind == OpKind::rmsnorm && !op.outputs.empty()) match_outputs(op);
  }
  return result;
}

}  // namespace plumbline
