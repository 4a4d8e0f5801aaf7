// SPDX-License-Identifier: Apache-2.0
// Attention by one call of LibTorch instead of op by op. The graph that a run states keeps its ops, under the contract
// attention/sdpa or attention/sdpa-avx512; what lies inside the call exists nowhere and is not recorded. Invariant:
// head map, scale and mask offset are those of the graph's ops, so a fault planted in one of them takes effect.
#pragma once
#include <plumbline/op_graph.h>

namespace plumbline::torch_reference {

/// The contract of LibTorch's kernel on this machine: with AVX-512 its exp is another.
const char* sdpa_contract();

/// The graph with every op of attention under sdpa_contract().
OpGraph with_sdpa(OpGraph graph);
/// Whether the op's result exists only inside the call.
bool inside_sdpa(const Op& op);
/// The call that gives `context`, an attn_context op under sdpa_contract(): inputs q, k, v; attributes kv_map, factor,
/// offset. Throws BackendError if the ops before it are not scores, scale, mask and softmax.
Op sdpa_call(const OpGraph& graph, const Op& context);

}  // namespace plumbline::torch_reference
