// SPDX-License-Identifier: Apache-2.0
#include "reference/sdpa.h"

#include <ATen/Version.h>

#include <algorithm>
#include <array>

#include <plumbline/error.h>

namespace plumbline::torch_reference {
namespace {

constexpr std::array kInside{OpKind::attn_scores, OpKind::scale, OpKind::causal_mask, OpKind::softmax};

bool lies_inside(OpKind kind) { return std::find(kInside.begin(), kInside.end(), kind) != kInside.end(); }

/// The op that gives the first input of `reader`, which must be of that kind.
const Op& before(const OpGraph& graph, const Op& reader, OpKind kind) {
  const Op* found = graph.producer(reader.inputs.front());
  if (found != nullptr && found->kind == kind) return *found;
  throw BackendError("backend torch cannot run '" + reader.name + "' with --attention sdpa",
                     {"needs  " + std::string(op_kind_name(kind)) + " before it"}, "--attention eager runs any graph");
}

}  // namespace

const char* sdpa_contract() {
  static const bool wide = at::get_cpu_capability() == "AVX512";
  return wide ? "attention/sdpa-avx512" : "attention/sdpa";
}

OpGraph with_sdpa(OpGraph graph) {
  for (Op& op : graph.ops) {
    if (!lies_inside(op.kind) && op.kind != OpKind::attn_context) continue;
    op.contract = sdpa_contract();
    std::erase_if(op.outputs, [](const TapSpec& spec) { return spec.inner; });
    if (lies_inside(op.kind)) op.outputs.front().dtype = DType::f32;
  }
  return graph;
}

bool inside_sdpa(const Op& op) { return lies_inside(op.kind) && op.contract == sdpa_contract(); }

Op sdpa_call(const OpGraph& graph, const Op& context) {
  const Op& softmax = before(graph, context, OpKind::softmax);
  const Op& mask = before(graph, softmax, OpKind::causal_mask);
  if (const Op* capped = graph.producer(mask.inputs.front()); capped != nullptr && capped->kind == OpKind::softcap)
    throw BackendError(
        "backend torch cannot run '" + context.name + "' with --attention sdpa",
        {"op      " + capped->name, "reason  LibTorch's function has no soft cap, and transformers drops it"},
        "--attention eager applies it");
  const Op& scale = before(graph, mask, OpKind::scale);
  const Op& scores = before(graph, scale, OpKind::attn_scores);
  if (text(scores, "kv_map") != text(context, "kv_map"))
    throw BackendError("backend torch cannot run '" + context.name + "' with --attention sdpa",
                       {"keys are shared as " + text(scores, "kv_map") + ", values as " + text(context, "kv_map")},
                       "--attention eager runs any graph");
  Op call = context;
  call.inputs = {scores.inputs.at(0), scores.inputs.at(1), context.inputs.at(1)};
  call.attributes["factor"] = number(scale, "factor");
  call.attributes["offset"] = integer(mask, "offset");
  if (const std::optional<int64_t> window = mask_window(mask)) call.attributes["window"] = *window;
  return call;
}

}  // namespace plumbline::torch_reference
