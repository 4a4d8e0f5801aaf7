// SPDX-License-Identifier: Apache-2.0
// The pass itself, and what the steps share. Invariant: step_runner.h. Steps: step_single.cu, step_fused.cu,
// step_attention.cu.
#include "cuda/pipeline/step_runner.h"

#include <algorithm>

#include <plumbline/error.h>

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

/// Index of the last plan step that reads each path.
std::map<std::string, size_t, std::less<>> last_readers(const std::vector<PlanStep>& plan) {
  std::map<std::string, size_t, std::less<>> last;
  for (size_t i = 0; i < plan.size(); ++i) {
    for (const auto& [name, path] : plan[i].inputs) last[path] = i;
  }
  return last;
}

}  // namespace

const bf16* bf16_input(const Op& reader, const DeviceValue& value) {
  if (value.dtype == DType::bf16) return value.as<bf16>();
  throw BackendError("kernels: op '" + reader.name + "' reads bf16 only",
                     {"its input is " + std::string(dtype_name(value.dtype))},
                     "run this graph with --backend torch or --backend oracle");
}

void require_contract(const Op& op, std::initializer_list<std::string_view> known) {
  if (std::ranges::find(known, op.contract) != known.end()) return;
  std::string list;
  for (const std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
  throw BackendError("kernels: no kernel for op '" + op.name + "' under its contract",
                     {"contract  " + op.contract, "kernels   " + list},
                     "run this graph with --backend torch or --backend oracle");
}

NormRounding rounding_of(const Op& norm) {
  require_contract(norm, {"rmsnorm/llama", "rmsnorm/olmo", "rmsnorm/gemma", "rmsnorm/f32"});
  if (norm.contract == "rmsnorm/llama") return NormRounding::two;
  return norm.contract == "rmsnorm/f32" ? NormRounding::none : NormRounding::one;
}

float weight_offset_of(const Op& norm) { return norm.contract == "rmsnorm/gemma" ? 1.0f : 0.0f; }

void tap_norm(Yields& yields, int first_slot, const Op& norm, const Shape& shape, bool output_too) {
  Shape statistic = shape;
  statistic.back() = 1;
  yields.tap(first_slot + NormTap::kX32, inner_path(norm, ".x32"), DType::f32, shape);
  yields.tap(first_slot + NormTap::kVar, inner_path(norm, ".var"), DType::f32, statistic);
  yields.tap(first_slot + NormTap::kRstd, inner_path(norm, ".rstd"), DType::f32, statistic);
  yields.tap(first_slot + NormTap::kN32, inner_path(norm, ".n32"), DType::f32, shape);
  if (rounding_of(norm) == NormRounding::two)
    yields.tap(first_slot + NormTap::kN, inner_path(norm, ".n"), DType::bf16, shape);
  const DType format = rounding_of(norm) == NormRounding::none ? DType::f32 : DType::bf16;
  if (output_too) yields.tap(first_slot + NormTap::kOut, norm.outputs.front().path, format, shape);
}

const DeviceValue& StepRunner::value(const std::string& path) const {
  const auto found = environment_.find(path);
  if (found != environment_.end()) return found->second;
  throw BackendError("kernels: '" + path + "' is read before any step yields it", {},
                     "check the order of the graph's ops");
}

void StepRunner::dispatch(const PlanStep& step, Yields& yields) {
  switch (step.kind) {
    case StepKind::norm_qkv: return norm_qkv_step(step, yields);
    case StepKind::heads: return heads_step(step, yields);
    case StepKind::attention: return attention_step(step, yields);
    case StepKind::linear_residual: return linear_step(step, yields, step.op("linear"), &step.op("add"));
    case StepKind::swiglu: return swiglu_step(step, yields);
    case StepKind::embedding: return embedding_step(step, yields);
    case StepKind::rope_table: return rope_table_step(step, yields);
    case StepKind::rmsnorm: return rmsnorm_step(step, yields);
    case StepKind::linear: return linear_step(step, yields, step.op("op"), nullptr);
    case StepKind::add:
    case StepKind::multiply:
    case StepKind::gelu_tanh:
    case StepKind::silu: return elementwise_step(step, yields);
    case StepKind::softcap: return softcap_step(step, yields);
  }
}

Tensor StepRunner::run(const std::vector<PlanStep>& plan) { return compute(plan).to_host(settings_.checked); }

DeviceValue StepRunner::compute(const std::vector<PlanStep>& plan) {
  const auto last = last_readers(plan);
  for (size_t i = 0; i < plan.size(); ++i) {
    Yields yields(plan[i], outlets_, stream_);
    dispatch(plan[i], yields);
    yields.finish(environment_);
    if (i + 1 == plan.size()) break;
    std::erase_if(environment_, [&](const auto& entry) {
      const auto reader = last.find(entry.first);
      return reader == last.end() || reader->second <= i;
    });
  }
  outlets_.capture.hand_out(outlets_.sink);
  if (outlets_.fences != nullptr) outlets_.fences->require_intact(stream_);
  return value(plan.back().window.back()->outputs.front().path);
}

void StepRunner::record(const std::vector<PlanStep>& plan) {
  for (const PlanStep& step : plan) {
    Yields yields(step, outlets_, stream_);
    dispatch(step, yields);
    yields.finish(environment_);
  }
  side_->logits = value(plan.back().window.back()->outputs.front().path);
  for (auto& [path, held] : environment_) side_->kept.push_back(std::move(held));
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
