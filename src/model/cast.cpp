// SPDX-License-Identifier: Apache-2.0
// NUMERICS CONTRACT weight cast
//   types    bf16, f16 or f32 to another of them     order    none (no sums)
//   rounding R1 each weight once, to nearest, ties to even; wider formats hold every number of narrower ones
//   special  NaN keeps its sign (its payload is that of the canonical NaN), infinities and -0 stay; numbers below the
//            format's range round to its subnormals or zero and are counted; above it: an error, nothing saturates
//   source   our choice; torch's Tensor.to gives the same bits where nothing overflows
//   checked  tests/unit/model/cast_test.cpp
#include "model/cast.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include <plumbline/error.h>

#include "core/parallel.h"

namespace plumbline {
namespace {

constexpr int64_t kPiece = int64_t{1} << 18;  // weights per piece of work

/// f32 to bf16 has a loop of its own: it is what nearly every cast is.
void encode_one(DType from, DType to, double value, std::byte* target) {
  if (from != DType::f32 || to != DType::bf16) return encode(to, value, target);
  const uint16_t bits = f32_to_bf16(static_cast<float>(value));
  std::memcpy(target, &bits, sizeof bits);
}

}  // namespace

CastPiece cast_piece(const TensorView& from, DType to, int64_t first, int64_t last, std::byte* target) {
  CastPiece result;
  const size_t bytes = element_bytes(to);
  for (int64_t i = first; i < last; ++i) {
    const double value = from.at(i);
    std::byte* const at = target + static_cast<size_t>(i) * bytes;
    encode_one(from.dtype, to, value, at);
    const double stored = decode(to, at);
    if (stored == value || std::isnan(value)) continue;
    ++result.changed;
    result.vanished += stored == 0.0 ? 1 : 0;
    if (result.overflows < 0 && std::isinf(stored)) result.overflows = i;
  }
  return result;
}

namespace {

[[noreturn]] void refuse(const Model& model, const std::string& name, const TensorView& tensor, int64_t element,
                         DType to) {
  char value[64], largest[64];
  std::snprintf(value, sizeof value, "%.9g", tensor.at(element));
  std::snprintf(largest, sizeof largest, "%.9g", max_finite(to));
  const std::string format(dtype_name(to));
  throw CheckpointError("cannot run the model in " + format + ": a weight would overflow",
                        {"model    " + model.directory.string(), "tensor   " + name,
                         "element  " + std::to_string(element) + " (flat) of " + to_string(tensor.shape),
                         "value    " + std::string(value) + " (" + std::string(dtype_name(tensor.dtype)) + ")",
                         "largest  " + std::string(largest) + " in " + format},
                        "run it in the checkpoint's own format (leave --dtype out), or in bf16 or f32");
}

Tensor cast_tensor(const Model& model, const std::string& name, const TensorView& from, WeightCast& cast) {
  Tensor out(cast.to, from.shape);
  std::byte* const target = out.mutable_data();
  const int64_t count = from.count(), pieces = (count + kPiece - 1) / kPiece;
  std::vector<CastPiece> results(static_cast<size_t>(pieces));
  parallel_for(pieces, 0, [&](int64_t piece) {
    results[static_cast<size_t>(piece)] =
        cast_piece(from, cast.to, piece * kPiece, std::min(count, (piece + 1) * kPiece), target);
  });
  cast.weights += count;
  for (const CastPiece& result : results) {
    if (result.overflows >= 0) refuse(model, name, from, result.overflows, cast.to);
    cast.changed += result.changed;
    cast.vanished += result.vanished;
  }
  return out;
}

}  // namespace

std::string describe(const WeightCast& cast) {
  return std::string(dtype_name(cast.from)) + " to " + std::string(dtype_name(cast.to)) +
         ", each weight rounded once to nearest even: " + std::to_string(cast.changed) + " of " +
         std::to_string(cast.weights) + " changed, " + std::to_string(cast.vanished) + " became zero";
}

std::optional<WeightCast> cast_weights(Model& model, DType dtype) {
  if (dtype != DType::bf16 && dtype != DType::f16 && dtype != DType::f32)
    throw UsageError("no model runs in " + std::string(dtype_name(dtype)), {}, "formats: bf16, f16, f32");
  if (dtype == model.config.dtype) return std::nullopt;
  if (!model.faults.empty()) throw Error("cast_weights: the model was changed before");
  WeightCast cast{model.config.dtype, dtype};
  Parameters parameters;
  for (const auto& [name, tensor] : model.parameters)
    parameters.emplace(name, cast_tensor(model, name, tensor.view(), cast));
  model.parameters = std::move(parameters);
  model.config.dtype = dtype;
  model.graph = build_graph(model.config);
  return cast;
}

}  // namespace plumbline
