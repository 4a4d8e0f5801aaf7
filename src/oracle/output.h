// SPDX-License-Identifier: Apache-2.0
// What every family of ops shares inside the oracle: the op's surroundings, and one output under construction.
// Invariant: TapWriter is the only place where an output is rounded and its bound completed.
#pragma once
#include <string_view>
#include <vector>

#include "oracle/declared_order.h"
#include "oracle/noisy.h"
#include "oracle/oracle.h"
#include "oracle/uncertain.h"

namespace plumbline {

struct OracleCall {
  const Op& op;
  const Contract& contract;
  const OpInputs& in;
  DType model_dtype;
  const EvaluateOptions& options;
  const Noise* noise = nullptr;          ///< evaluates one drawn implementation instead of the exact one
  const DeclaredOrder* order = nullptr;  ///< null: any that the contract allows

  const Array& input(size_t i) const { return in.inputs[i]; }
  const Array& parameter(size_t i) const { return in.parameters[i]; }
  /// Uncertainty of an element of an input; 0 where none was given.
  double input_bound(size_t i, size_t element) const {
    return has_bounds(i) ? in.input_bounds[i].values[element] : 0.0;
  }
  bool has_bounds(size_t i) const { return i < in.input_bounds.size() && !in.input_bounds[i].values.empty(); }
  /// The element with its uncertainty; one that is spread evenly over +-bound is half of it off on average.
  Uncertain element(size_t i, size_t element) const {
    const double bound = input_bound(i, element);
    return {input(i).values[element], bound, 0.5 * bound};
  }
  /// Whether the sizes of errors are asked for.
  bool needs_errors() const { return options.bounds || noise != nullptr; }
  /// What the op goes on with after a stage: `v` itself, or one draw of it. For stages that others are computed from,
  /// and for values that several taps share; outputs draw by themselves.
  Uncertain taken(const Uncertain& v, std::string_view stage, size_t element) const {
    return noise == nullptr ? v : (*noise)(v, stage, element);
  }
  bool declares(SumOrder wanted) const { return order != nullptr && order->order == wanted; }
  /// The format of a value on that grid of the contract; `exact` values keep the tap's own format.
  DType format(Grid grid, const TapSpec& spec) const;
  /// The inner tap whose path ends in `suffix`, or nullptr if it is not wanted or the op has none.
  const TapSpec* inner_tap(std::string_view suffix) const;
  /// Throws ShapeError naming op and reason.
  [[noreturn]] void misfit(const std::string& what, const Shape& shape) const;
};

/// One output tap: give every element once, in any order.
class TapWriter {
 public:
  TapWriter() = default;  ///< a tap nobody wants: put() does nothing
  TapWriter(const OracleCall& call, const TapSpec& spec, DType dtype, Shape shape);
  /// `exact_class`: no rounding before the output's own is left open, so stored values must equal `rounded`.
  void put(size_t element, const Uncertain& v) {
    if (spec_ != nullptr) put_wanted(element, v);
  }
  bool wanted() const { return spec_ != nullptr; }
  /// Every run of so many elements, a row, shares the error of a factor. Before the first put().
  void share(size_t elements);
  Evaluated take(bool exact_class);

 private:
  void put_wanted(size_t element, const Uncertain& v);
  const TapSpec* spec_ = nullptr;
  Rounder grid_{DType::f32};
  bool bounds_ = false;
  const Noise* noise_ = nullptr;
  Evaluated out_;
};

/// A writer for the op's result `index`, on the grid of stage "out".
TapWriter result_writer(const OracleCall& call, size_t index, Shape shape);
/// A writer for an inner tap (its path ends in `suffix`), on the grid of `stage`; idle if the tap is not wanted.
TapWriter inner_writer(const OracleCall& call, std::string_view suffix, std::string_view stage, Shape shape);

// Families of op kinds; each returns results first, then the inner taps, in the order of op.outputs.
std::vector<Evaluated> evaluate_embedding(const OracleCall& call);
std::vector<Evaluated> evaluate_rope_table(const OracleCall& call);
std::vector<Evaluated> evaluate_rmsnorm(const OracleCall& call);
std::vector<Evaluated> evaluate_linear(const OracleCall& call);
std::vector<Evaluated> evaluate_split_heads(const OracleCall& call);
std::vector<Evaluated> evaluate_merge_heads(const OracleCall& call);
std::vector<Evaluated> evaluate_kv_append(const OracleCall& call);
std::vector<Evaluated> evaluate_rope(const OracleCall& call);
std::vector<Evaluated> evaluate_attn_scores(const OracleCall& call);
std::vector<Evaluated> evaluate_attn_context(const OracleCall& call);
std::vector<Evaluated> evaluate_softmax(const OracleCall& call);
std::vector<Evaluated> evaluate_scale(const OracleCall& call);
std::vector<Evaluated> evaluate_causal_mask(const OracleCall& call);
std::vector<Evaluated> evaluate_add(const OracleCall& call);
std::vector<Evaluated> evaluate_multiply(const OracleCall& call);
std::vector<Evaluated> evaluate_silu(const OracleCall& call);
std::vector<Evaluated> evaluate_gelu_tanh(const OracleCall& call);
std::vector<Evaluated> evaluate_softcap(const OracleCall& call);

}  // namespace plumbline
