// SPDX-License-Identifier: Apache-2.0
// The model as data: ops in execution order, joined by tap paths. Built by src/model, interpreted by reference/
// (LibTorch), src/oracle (f64) and cuda/pipeline (fused kernels), walked by src/locate. Invariant (checked by
// validate): every input is a graph input or an output of an earlier op; every tap path is unique.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <plumbline/dtype.h>

namespace plumbline {

// clang-format off
// What each kind computes, by its inputs, parameters and attributes. B batch (always 1), S tokens of this step, P
// tokens with the cache, H/KV query/key-value heads, D head dimension. T is the model's dtype.
//
// kind          inputs -> outputs                            parameters; attributes; inner taps
// embedding     tokens [S] i64 -> [1,S,hidden]               table [vocab,hidden]; scale (1: copy; else R(row*scale))
// rope_table    positions [S] i64 -> cos, sin [1,S,D]        ; theta, head_dim, and for rope scaling those of
//                                                            RopeScaling; (two results)
//                                                            inv_freq [D/2], freqs [1,S,D/2], cos32, sin32 [1,S,D]
// rmsnorm       x [1,S,n*w] -> [1,S,w], [1,S,n,w] by heads   weight [w]; eps, heads (0: none); x32, var, rstd, n32, n
// linear        x [1,S,K] -> [1,S,N]                         weight [N,K], bias [N] (optional)
// split_heads   x [1,S,n,D] or [1,S,n*D] -> [1,n,S,D]        ; heads
// rope          x [1,n,S,D], cos, sin [1,S,R] -> [1,n,S,D]   ; pairing "half": channels i and i + R/2, each with its
//                                                            own column of the table | "interleaved": 2i and 2i + 1,
//                                                            both with column i; the channels from R on (R <= D) are
//                                                            copied; *_cos, *_rot_sin [1,n,S,R]
// kv_append     new [1,KV,S,D] -> [1,KV,P,D]                 the tap of the step before is the first P - S rows
// attn_scores   q [1,H,S,D], k [1,KV,P,D] -> [1,H,S,P]       ; kv_map "block" (h / (H/KV)) | "modulo" (h % KV)
// scale         x -> R(x * factor)                           ; factor (multiplied as f32)
// causal_mask   x -> R(x + mask), mask 0 or lowest finite T  ; offset (0: key <= query position; 1: one future key too),
//                                                            window (optional: key > query position - window too)
// softmax       x [1,H,S,P] -> same, over the last axis      ; ; probs32
// attn_context  p [1,H,S,P], v [1,KV,P,D] -> [1,H,S,D]       ; kv_map
// merge_heads   x [1,H,S,D] -> [1,S,H*D]
// add           a, b -> R(a + b)
// silu          x -> R(silu(x))
// multiply      a, b -> R(a * b)
// softcap       x -> R(R(tanh(R(x / cap))) * cap)            ; cap; quotient, tanh
// gelu_tanh     x -> R(x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))))
// clang-format on
enum class OpKind : uint8_t {
  embedding,
  rope_table,
  rmsnorm,
  linear,
  split_heads,
  rope,
  kv_append,
  attn_scores,
  scale,
  causal_mask,
  softmax,
  attn_context,
  merge_heads,
  add,
  silu,
  multiply,
  softcap,
  gelu_tanh
};
std::string_view op_kind_name(OpKind kind);
/// Throws InputError for a name that is no kind.
OpKind parse_op_kind(std::string_view name);

using Attribute = std::variant<bool, int64_t, double, std::string, std::vector<double>>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

/// One tensor an op yields: its path in the trace, the format it is held in, and the meaning of each axis
/// ("batch", "token", "key", "head", "channel", "vocab", ...; "token" axes are positions of this step, "key" axes run
/// from 0).
struct TapSpec {
  std::string path;
  DType dtype = DType::bf16;
  std::vector<std::string> axes;
  bool inner = false;  ///< a value inside the op (a statistic, a product before rounding): other ops never read it
};

struct Op {
  std::string
      name;  ///< unique; the path of its first output, but for norms: "layer.3.in_norm" yields "layer.3.in_norm.out"
  OpKind kind = OpKind::linear;
  int layer = -1;                       ///< -1 outside the layers
  std::vector<std::string> inputs;      ///< tap paths, in the order of the table above
  std::vector<std::string> parameters;  ///< checkpoint names, in the order of the table above
  Attributes attributes;
  std::string contract;          ///< "rmsnorm/llama": what it rounds, when and to what (src/contract)
  std::vector<TapSpec> outputs;  ///< results first, then inner taps
};

/// Attribute access that throws InputError naming op and key if it is absent or of another type.
double number(const Op& op, std::string_view key);
int64_t integer(const Op& op, std::string_view key);
const std::string& text(const Op& op, std::string_view key);
const std::vector<double>& numbers(const Op& op, std::string_view key);

/// Rope scaling "llama3" (Llama 3.1 and later): angles of long wavelength w = 2 pi / inv_freq turn slower. With
/// L = original_positions: w < L / high keeps inv_freq, w > L / low divides it by factor, in between it is blended:
/// (1 - s) * inv_freq / factor + s * inv_freq, s = (L / w - low) / (high - low), which joins the two without a step.
/// "linear": every inv_freq divided by factor; the other numbers mean nothing. "longrope" (Phi-3): inv_freq number i is
/// 1 / (f[i] * theta^(2i/D)), f being short_factors, in a step that ends past original_positions long_factors; cosines
/// and sines are multiplied by attention_factor. `factor` and its bands mean nothing there.
struct RopeScaling {
  enum class Kind : uint8_t { llama3, linear, longrope };
  double factor = 1.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original_positions = 8192.0;
  Kind kind = Kind::llama3;
  std::vector<double> short_factors = {}, long_factors = {};
  double attention_factor = 1.0;

  /// Of longrope in a step of so many positions in all, from 0 on.
  const std::vector<double>& factors(int64_t positions) const {
    return static_cast<double>(positions) > original_positions ? long_factors : short_factors;
  }
  bool operator==(const RopeScaling&) const = default;
};
inline RopeScaling linear_scaling(double factor) {
  RopeScaling scaling;
  scaling.factor = factor;
  scaling.kind = RopeScaling::Kind::linear;
  return scaling;
}
/// The scaling that a rope_table op asks for (attribute "scaling" = "llama3" and four numbers, "linear" and a factor,
/// "longrope" with original_positions, attention_factor and both lists), or nothing.
/// Throws InputError for another kind of scaling, a number that is missing or not above 0, and high <= low.
std::optional<RopeScaling> rope_scaling(const Op& op);
/// The attributes that rope_scaling reads back.
void set_rope_scaling(Op& op, const RopeScaling& scaling);
/// Takes them away.
void clear_rope_scaling(Op& op);

/// How many keys a causal_mask op's sliding window holds, a token's own among them (attribute "window"), or nothing.
/// Throws InputError for one below 1.
std::optional<int64_t> mask_window(const Op& op);

struct OpGraph {
  std::vector<Op> ops;                                        ///< execution order
  std::vector<std::string> inputs = {"tokens", "positions"};  ///< recorded as i64 taps of shape [S]

  /// The op that yields `path` as one of its outputs, or nullptr.
  const Op* producer(std::string_view path) const;
  const Op* find(std::string_view op_name) const;
};

/// Throws InputError naming the op at the first breach of the invariant above.
void validate(const OpGraph& graph);
/// The graph as JSON text (stored in every trace), and back. from_json throws InputError naming the place.
std::string to_json(const OpGraph& graph);
OpGraph op_graph_from_json(std::string_view json);

}  // namespace plumbline
