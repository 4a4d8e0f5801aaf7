// SPDX-License-Identifier: Apache-2.0
// Steps of a norm with the products behind it: rmsnorm_qkv and swiglu. Invariant: step_runner.h.
#include <plumbline/error.h>

#include "cuda/gemm/slab_plan.h"
#include "cuda/pipeline/step_runner.h"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"
#include "cuda/swiglu/swiglu.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

/// One launch takes the operands of all three projections alike.
Operands operands_of(const PlanStep& step) {
  const auto all = [&](std::string_view contract) {
    return step.op("q").contract == contract && step.op("k").contract == contract && step.op("v").contract == contract;
  };
  if (all("linear/tf32")) return Operands::tf32;
  if (all("linear/f16")) return Operands::f16;
  for (const char* role : {"q", "k", "v"}) require_contract(step.op(role), {"linear/f32acc", "linear/f32out"});
  return Operands::as_given;
}

Shape with_columns(Shape shape, int64_t columns) {
  shape.back() = columns;
  return shape;
}

}  // namespace

NormInput StepRunner::norm_input(const Op& norm, const DeviceValue& x, Yields& yields) const {
  if (integer(norm, "heads") != 0) {
    throw BackendError("kernels: op '" + norm.name + "' norms per head in front of a product", {}, "check the graph");
  }
  const bool many = x.rows() > kMostSlabRows && rounding_of(norm) != NormRounding::none;
  return {.x = bf16_input(norm, x),
          .weight = weights_.get(norm, 0, {x.last()}),
          .rows = int(x.rows()),
          .columns = int(x.last()),
          .eps = float(number(norm, "eps")),
          .arithmetic = arithmetic(),
          .mean_lanes = mean_lanes(x.last(), x.rows()),
          .normed = many ? yields.scratch(norm.name + " (normed)", DType::bf16, x.shape).as<bf16>() : nullptr,
          .weight_offset = weight_offset_of(norm)};
}

void StepRunner::require_one_chain(const Op& op, int64_t columns, int64_t depth, int64_t rows) const {
  if (!orders_ || orders_->part_depth(columns, depth, rows) == depth) return;
  throw BackendError("numerics torch/sm90: LibTorch sums op '" + op.name + "' in parts, its fused kernel in one chain",
                     {}, "run it with --kernel qkv=unfused, or --numerics portable");
}

void StepRunner::norm_qkv_step(const PlanStep& step, Yields& yields) {
  const Op& norm = step.op("norm");
  const DeviceValue& x = value(step.input("x"));
  RmsNormQkvArgs args{norm_input(norm, x, yields), rounding_of(norm), {}};
  const char* const roles[] = {"q", "k", "v"};
  for (int i = 0; i < 3; ++i) {
    const Op& op = step.op(roles[i]);
    require_contract(op, {"linear/f32acc", "linear/f32out", "linear/tf32", "linear/f16"});
    const bool kept = op.contract == "linear/f32out";
    const int64_t columns = weights_.shape(op, 0).at(0);
    require_one_chain(op, columns, x.last(), x.rows());
    const DeviceValue& y = yields.output(op, kept ? DType::f32 : DType::bf16, with_columns(x.shape, columns));
    args.projections[i] = {weights_.get(op, 0, {columns, x.last()}), weights_.optional(op, 1, {columns}),
                           kept ? nullptr : y.as<bf16>(), int(columns), kept ? y.as<float>() : nullptr};
  }
  args.operands = operands_of(step);
  args.one_pass = settings_.runs("exact", norm.layer);
  tap_norm(yields, 0, norm, x.shape, true);
  rmsnorm_qkv(args, yields.record(), settings_.block_threads, stream_);
}

void StepRunner::swiglu_step(const PlanStep& step, Yields& yields) {
  const Op &norm = step.op("norm"), &gate = step.op("gate"), &up = step.op("up"), &act = step.op("act"),
           &mul = step.op("mul");
  for (const Op* op : {&gate, &up}) require_contract(*op, {"linear/f32acc"});
  const bool gelu = act.kind == OpKind::gelu_tanh;
  require_contract(act, {gelu ? "gelu-tanh/f32" : "silu/f32"});
  if (gelu) require_portable(act);
  require_contract(mul, {"multiply/rounded"});
  const DeviceValue& x = value(step.input("x"));
  const int64_t columns = weights_.shape(gate, 0).at(0);
  const Shape shape = with_columns(x.shape, columns);
  require_one_chain(gate, columns, x.last(), x.rows());
  tap_norm(yields, 0, norm, x.shape, true);
  yields.tap(SwigluTap::kGate, gate.outputs.front().path, DType::bf16, shape);
  yields.tap(SwigluTap::kUp, up.outputs.front().path, DType::bf16, shape);
  yields.tap(SwigluTap::kAct, act.outputs.front().path, DType::bf16, shape);
  const Shape matrix = {columns, x.last()};
  const NormInput normed = norm_input(norm, x, yields);
  const DeviceValue& y = yields.output(mul, DType::bf16, shape);
  swiglu({.norm = normed,
          .rounding = rounding_of(norm),
          .gate_weight = weights_.get(gate, 0, matrix),
          .up_weight = weights_.get(up, 0, matrix),
          .gate_bias = weights_.optional(gate, 1, {columns}),
          .up_bias = weights_.optional(up, 1, {columns}),
          .y = y.as<bf16>(),
          .columns = int(columns),
          .gelu = gelu},
         yields.record(), settings_.block_threads, stream_);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
