// SPDX-License-Identifier: Apache-2.0
// Steps of one op: embedding, rope table, norm, linear (with or without residual), sums, products, activations, caps.
// Invariant: step_runner.h.
#include <plumbline/error.h>

#include "cuda/elementwise/elementwise.h"
#include "cuda/embedding/embedding.h"
#include "cuda/faults/faulty.h"
#include "cuda/linear/linear.h"
#include "cuda/pipeline/rope_table.h"
#include "cuda/pipeline/step_runner.h"
#include "cuda/rmsnorm/rmsnorm.h"
#include "cuda/softcap/softcap.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

/// Graph inputs come from the step itself: an op that reads something else there cannot be run.
void require_input(const Op& op, std::string_view path) {
  if (op.inputs.front() == path) return;
  throw BackendError("kernels: op '" + op.name + "' must read graph input '" + std::string(path) + "'",
                     {"it reads '" + op.inputs.front() + "'"}, "check the graph");
}

}  // namespace

void StepRunner::embedding_step(const PlanStep& step, Yields& yields) {
  const Op& op = step.op("op");
  require_contract(op, {"embedding/copy"});
  require_input(op, "tokens");
  const Shape table = weights_.shape(op, 0);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(step_.tokens));
  DeviceBuffer ids(side_ == nullptr ? bytes.size() : 0, "tokens");
  if (side_ == nullptr) ids.copy_from_host(bytes);
  const DeviceValue& y = yields.output(op, DType::bf16, {1, tokens(), table.at(1)});
  yields.begin();
  embedding({.tokens = side_ == nullptr ? ids.as<int64_t>() : side_->token.as<int64_t>(),
             .table = weights_.get(op, 0, table),
             .y = y.as<bf16>(),
             .rows = tokens(),
             .columns = int(table[1]),
             .scale = float(number(op, "scale"))},
            settings_.block_threads, stream_);
  if (settings_.checked) ids.check_fences();
}

void StepRunner::rope_table_step(const PlanStep& step, Yields& yields) {
  const Op& op = step.op("op");
  require_contract(op, {"rope-table/f32", "rope-table/f32out"});
  require_input(op, "positions");
  if (op.outputs.size() < 2)
    throw BackendError("kernels: op '" + op.name + "' must yield cos and sin", {}, "check the graph");
  const PlantedDefect planted = defects_.of(op);
  const int64_t late = planted.defect == Defect::position_offset ? int64_t(planted.amount) : 0;
  const int64_t first = side_ == nullptr ? step_.first_position : 0,
                rows = side_ == nullptr ? tokens() : side_->positions;
  const std::optional<RopeScaling> scaling = rope_scaling(op);
  // Each position has one row in all steps; longrope's would change with the step.
  if (side_ != nullptr && scaling && scaling->kind == RopeScaling::Kind::longrope &&
      static_cast<double>(rows) > scaling->original_positions)
    throw BackendError("kernels: op '" + op.name + "' changes its table at a length that a graph of launches passes",
                       {"positions  " + std::to_string(rows)}, "take steps without a graph");
  RopeTable table = make_rope_table(number(op, "theta"), integer(op, "head_dim"), first + late, rows, scaling,
                                    orders_ ? RopeFunctions::torch_sm90 : RopeFunctions::rounded);
  const bool by_position = side_ != nullptr;
  const bool in_f32 = op.contract == "rope-table/f32out";
  const Tensor* const parts[] = {in_f32 ? &table.cos32 : &table.cos, in_f32 ? &table.sin32 : &table.sin};
  for (size_t i = 0; i < 2; ++i) {
    DeviceValue value = DeviceValue::upload(op.outputs[i].path, parts[i]->view());
    value.shape.at(1) = tokens();  // of the step; the memory has more rows where the device knows which
    value.constant = true;
    value.by_position = by_position;
    yields.output(op.outputs[i].path, std::move(value));
  }
  yields.host(inner_path(op, "inv_freq"), std::move(table.inv_freq), false);
  yields.host(inner_path(op, "freqs"), std::move(table.freqs), by_position);
  yields.host(inner_path(op, "cos32"), std::move(table.cos32), by_position);
  yields.host(inner_path(op, "sin32"), std::move(table.sin32), by_position);
}

void StepRunner::rmsnorm_step(const PlanStep& step, Yields& yields) {
  const Op& op = step.op("op");
  const DeviceValue& x = value(step.input("x"));
  const int64_t heads = integer(op, "heads");
  Shape shape = x.shape;
  if (heads > 0) {
    if (shape.back() % heads != 0)
      throw BackendError("kernels: op '" + op.name + "' cannot split its input into heads",
                         {"input  " + to_string(shape), "heads  " + std::to_string(heads)}, "check the graph");
    shape.back() /= heads;
    shape.insert(shape.end() - 1, heads);
  }
  const NormRounding rounding = rounding_of(op);
  const DeviceValue& y = yields.output(op, rounding == NormRounding::none ? DType::f32 : DType::bf16, shape);
  tap_norm(yields, 0, op, shape, false);
  const RmsNormArgs args{.x = bf16_input(op, x),
                         .weight = weights_.get(op, 0, {y.last()}),
                         .y = y.as<void>(),
                         .rows = int(y.rows()),
                         .columns = int(y.last()),
                         .eps = float(number(op, "eps")),
                         .rounding = rounding,
                         .arithmetic = arithmetic(),
                         .mean_lanes = mean_lanes(y.last(), y.rows()),
                         .weight_offset = weight_offset_of(op)};
  const PlantedDefect planted = defects_.of(op);
  if (planted.defect != Defect::none && !spoils_any_result(planted.defect))
    return faulty_rmsnorm(planted, args, yields.record(), settings_.block_threads, stream_);
  rmsnorm(args, yields.record(), settings_.block_threads, stream_);
  spoil(op, y);
}

void StepRunner::linear_step(const PlanStep& step, Yields& yields, const Op& op, const Op* add) {
  require_contract(op, {"linear/f32acc"});
  const DeviceValue& x = value(step.input("x"));
  const int64_t depth = x.last(), columns = weights_.shape(op, 0).at(0);
  Shape shape = x.shape;
  shape.back() = columns;
  const bf16* residual = nullptr;
  if (add != nullptr) {
    require_contract(*add, {"add/rounded"});
    const DeviceValue& other = value(step.input("residual"));
    if (other.shape != shape)
      throw BackendError("kernels: op '" + add->name + "' adds tensors of different shapes",
                         {"residual  " + to_string(other.shape), "product   " + to_string(shape)}, "check the graph");
    residual = bf16_input(*add, other);
    yields.tap(LinearTap::kProduct, op.outputs.front().path, DType::bf16, shape);
  }
  if (x.dtype != DType::f32) bf16_input(op, x);
  const DeviceValue& y = yields.output(add != nullptr ? *add : op, DType::bf16, shape);
  const LinearArgs args{.x = x.as<void>(),
                        .x_is_f32 = x.dtype == DType::f32,
                        .weight = weights_.get(op, 0, {columns, depth}),
                        .bias = weights_.optional(op, 1, {columns}),
                        .residual = residual,
                        .y = y.as<bf16>(),
                        .rows = int(y.rows()),
                        .columns = int(columns),
                        .depth = int(depth),
                        .part_depth = orders_ ? orders_->part_depth(columns, depth, y.rows()) : 0};
  const PlantedDefect planted = defects_.of(op);
  if (planted.defect != Defect::none && !spoils_any_result(planted.defect))
    return faulty_linear(planted, args, yields.record(), settings_.block_threads, stream_);
  linear(args, yields.record(), settings_.block_threads, stream_);
  spoil(op, y);
}

void StepRunner::elementwise_step(const PlanStep& step, Yields& yields) {
  const Op& op = step.op("op");
  const DeviceValue& a = value(step.input("a"));
  const DeviceValue& y = yields.output(op, DType::bf16, a.shape);
  yields.begin();
  ElementwiseArgs args{bf16_input(op, a), nullptr, y.as<bf16>(), element_count(a.shape), arithmetic()};
  if (step.kind == StepKind::silu) {
    require_contract(op, {"silu/f32"});
    const PlantedDefect planted = defects_.of(op);
    if (planted.defect != Defect::none && !spoils_any_result(planted.defect))
      return faulty_silu(planted, args, settings_.block_threads, stream_);
    elementwise(ElementwiseOp::silu, args, settings_.block_threads, stream_);
    return spoil(op, y);
  }
  if (step.kind == StepKind::gelu_tanh) {
    require_contract(op, {"gelu-tanh/f32"});
    require_portable(op);
    elementwise(ElementwiseOp::gelu_tanh, args, settings_.block_threads, stream_);
    return spoil(op, y);
  }
  const DeviceValue& b = value(step.input("b"));
  if (a.shape != b.shape)
    throw BackendError("kernels: op '" + op.name + "' joins tensors of different shapes",
                       {"a  " + to_string(a.shape), "b  " + to_string(b.shape)}, "check the graph");
  args.b = bf16_input(op, b);
  const bool adds = step.kind == StepKind::add;
  require_contract(op, {adds ? "add/rounded" : "multiply/rounded"});
  elementwise(adds ? ElementwiseOp::add : ElementwiseOp::multiply, args, settings_.block_threads, stream_);
  spoil(op, y);
}

void StepRunner::softcap_step(const PlanStep& step, Yields& yields) {
  const Op& op = step.op("op");
  require_contract(op, {"softcap/rounded"});
  require_portable(op);
  const DeviceValue& x = value(step.input("a"));
  const DeviceValue& y = yields.output(op, DType::bf16, x.shape);
  yields.tap(SoftcapTap::kQuotient, inner_path(op, ".quotient"), DType::bf16, x.shape);
  yields.tap(SoftcapTap::kTanh, inner_path(op, ".tanh"), DType::bf16, x.shape);
  softcap({bf16_input(op, x), y.as<bf16>(), element_count(x.shape), float(number(op, "cap"))}, yields.record(),
          settings_.block_threads, stream_);
}

void StepRunner::require_portable(const Op& op) const {
  if (arithmetic() == Arithmetic::portable) return;
  throw BackendError("numerics torch/sm90: LibTorch's tanh on a GPU is not known, which op '" + op.name + "' takes", {},
                     "run it with --numerics portable");
}

void StepRunner::spoil(const Op& op, const DeviceValue& y) const {
  const PlantedDefect planted = defects_.of(op);
  if (!spoils_any_result(planted.defect)) return;
  if (y.dtype != DType::bf16)
    throw UsageError("cannot plant a kernel fault in '" + op.name + "'", {"reason  its result is kept in f32"},
                     "take an op whose result is bf16");
  spoil_result(planted, y.as<bf16>(), y.rows(), y.last(), settings_.block_threads, stream_);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
