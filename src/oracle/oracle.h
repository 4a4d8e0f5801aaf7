// SPDX-License-Identifier: Apache-2.0
// Any op of the graph in f64, under any contract: exact arithmetic, rounding only where the contract says so, the
// range of every declared type honoured. Invariant: a right implementation of (op, contract) stores nothing that is
// further than `bound` from `exact`. Leaves graph walking and verdicts over many ops to src/locate.
#pragma once
#include <optional>
#include <vector>

#include <plumbline/contract.h>
#include <plumbline/op_graph.h>
#include <plumbline/tensor.h>

namespace plumbline {

/// f64, row-major.
struct Array {
  Shape shape;
  std::vector<double> values;
};
/// Exact for every format but 64-bit integers beyond 2^53.
Array to_array(const TensorView& tensor);

struct OpInputs {
  std::vector<Array> inputs;         ///< in the op's order
  std::vector<Array> parameters;     ///< in the op's order
  std::optional<Array> past;         ///< kv_append: the cache before this step; absent or empty for none
  int64_t first_position = 0;        ///< of this step (causal mask)
  std::vector<Array> input_bounds;   ///< empty, or per input: absolute uncertainty of each element (an Array without
                                     ///< values: as recorded). Composes segments: give Evaluated::spread of the op
                                     ///< before together with its `rounded` values
  std::optional<Array> past_bounds;  ///< the same for `past`
};

/// One output tap.
struct Evaluated {
  const TapSpec* spec = nullptr;   ///< of op.outputs (the op must outlive this)
  DType dtype = DType::f32;        ///< format under the contract: T, or f32 where the contract keeps f32
  Array exact;                     ///< under the contract, before the output rounding
  std::vector<double> rounded;     ///< after it: what a perfect implementation stores
  std::vector<double> bound;       ///< |stored - exact| of a right implementation never exceeds it (half output ulp
                                   ///< included); infinite where nothing is known
  std::vector<uint8_t> escapes;    ///< kOverflows: NaN and infinity are right as well; kVanishes: zero is as well
  std::vector<double> spread;      ///< |stored - rounded| never exceeds it: 0 where the rounding can go only one way,
                                   ///< infinite where there are escapes
  std::vector<double> sigma;       ///< expected size of the error before the output rounding, for the mismatch law
  int64_t sharing = 1;             ///< so many consecutive elements, a row, share the error of one factor (a norm's
                                   ///< 1 / rms, a softmax's sum), so their roundings turn together
  std::vector<uint8_t> plausible;  ///< 1: ten times the expected error may round it otherwise; empty: no row shares
  std::vector<uint8_t> turns;      ///< 1: a rounding on the way may turn, so that errors are of two sizes; empty: none
  bool bitwise = false;            ///< exact class: stored must equal rounded, bit for bit (but for the sign of zero)
};

struct EvaluateOptions {
  bool bounds = true;  ///< fill bound, escapes, spread and sigma (otherwise empty)
  bool inner = false;  ///< inner taps too
  int threads = 1;     ///< for matrix products; the bits do not depend on it
};

/// Outputs in the order of op.outputs (results only, or with inner taps).
/// Throws InputError for a contract of another kind or a bad token, ShapeError for inputs that do not fit the op.
std::vector<Evaluated> evaluate(const Op& op, const Contract& contract, const OpInputs& in, DType model_dtype,
                                const EvaluateOptions& options = {});

}  // namespace plumbline
