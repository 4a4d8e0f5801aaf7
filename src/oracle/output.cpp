// SPDX-License-Identifier: Apache-2.0
#include "oracle/output.h"

#include <string>
#include <utility>

#include <plumbline/error.h>

namespace plumbline {

DType OracleCall::format(Grid grid, const TapSpec& spec) const {
  switch (grid) {
    case Grid::exact: return spec.dtype;
    case Grid::f32: return DType::f32;
    case Grid::model: return model_dtype;
  }
  return spec.dtype;
}

const TapSpec* OracleCall::inner_tap(std::string_view suffix) const {
  if (!options.inner) return nullptr;
  for (const TapSpec& spec : op.outputs) {
    if (spec.inner && spec.path.ends_with(suffix)) return &spec;
  }
  return nullptr;
}

void OracleCall::misfit(const std::string& what, const Shape& shape) const {
  throw ShapeError(
      "the oracle cannot evaluate an op: " + what,
      {"op     " + op.name + " (" + std::string(op_kind_name(op.kind)) + ")", "shape  " + to_string(shape)},
      "the trace or the checkpoint does not fit the op graph");
}

TapWriter::TapWriter(const OracleCall& call, const TapSpec& spec, DType dtype, Shape shape)
    : spec_(&spec), grid_(dtype), bounds_(call.options.bounds), noise_(call.noise) {
  const auto count = static_cast<size_t>(element_count(shape));
  out_.spec = &spec;
  out_.dtype = dtype;
  out_.exact = {std::move(shape), std::vector<double>(count)};
  out_.rounded.resize(count);
  if (!bounds_) return;
  out_.bound.resize(count);
  out_.escapes.resize(count);
  out_.spread.resize(count);
  out_.sigma.resize(count);
}

void TapWriter::put_wanted(size_t element, const Uncertain& given) {
  const Uncertain v = noise_ == nullptr ? given : (*noise_)(given, spec_->path, element);
  const double rounded = grid_.round(v.value);
  out_.exact.values[element] = v.value;
  out_.rounded[element] = rounded;
  if (!bounds_) return;
  const double spread = rounding_spread(grid_, v, rounded, v.error);
  out_.sigma[element] = v.sigma;
  if (v.turned > kMargin * v.sigma) {
    out_.turns.resize(out_.sigma.size());
    out_.turns[element] = 1;
  }
  // An infinite spread of a finite error: the output's own rounding may overflow.
  const uint8_t escapes = v.escapes | (std::isinf(spread) ? kOverflows : 0);
  if (out_.sharing > 1 && spread > 0.0)
    out_.plausible[element] = rounding_spread(grid_, v, rounded, v.plausible()) > 0.0 ? 1 : 0;
  out_.spread[element] = escapes != 0 ? kInfinity : spread;
  if (!std::isfinite(v.error)) {
    out_.bound[element] = kInfinity;
  } else if (std::isfinite(rounded) || escapes != 0) {
    out_.bound[element] = 0.5 * grid_.spacing(std::fabs(v.value) + v.error) + v.error;
    out_.escapes[element] = escapes;
  }
}

void TapWriter::share(size_t elements) {
  if (spec_ == nullptr || !bounds_ || elements < 2) return;
  out_.sharing = static_cast<int64_t>(elements);
  out_.plausible.resize(out_.bound.size());
}

Evaluated TapWriter::take(bool exact_class) {
  out_.bitwise = exact_class;
  return std::move(out_);
}

namespace {

/// Fused attention hands what lies before the product with V on without its last rounding.
std::string_view result_stage(const OracleCall& call) {
  return call.contract.has_stage("inner") && call.op.kind != OpKind::attn_context ? "inner" : "out";
}

}  // namespace

TapWriter result_writer(const OracleCall& call, size_t index, Shape shape) {
  if (index >= call.op.outputs.size()) call.misfit("it names too few outputs", shape);
  const TapSpec& spec = call.op.outputs[index];
  return {call, spec, call.format(call.contract.grid(result_stage(call)), spec), std::move(shape)};
}

TapWriter inner_writer(const OracleCall& call, std::string_view suffix, std::string_view stage, Shape shape) {
  const TapSpec* spec = call.inner_tap(suffix);
  if (spec == nullptr) return {};
  return {call, *spec, call.format(call.contract.grid(stage), *spec), std::move(shape)};
}

}  // namespace plumbline
