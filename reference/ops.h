// SPDX-License-Identifier: Apache-2.0
// One function per op kind. Each composes LibTorch's primitive ops in the order in which transformers' eager path calls
// them, on tensors of the same layout, and states its numerics contract beside its definition.
// T is the model's format; R rounds an f32 value to T, to nearest even. Shapes: <plumbline/op_graph.h>, whose batch of
// 1 is here that of TorchOptions: every op works on all its sequences at once and mixes no two of them.
#pragma once
#include "reference/op_call.h"

namespace plumbline::torch_reference {

void embedding(OpCall& call);     // linear.cpp
void linear(OpCall& call);        // linear.cpp
void rmsnorm(OpCall& call);       // norm.cpp
void rope_table(OpCall& call);    // rope.cpp
void rope(OpCall& call);          // rope.cpp
void split_heads(OpCall& call);   // layout.cpp
void merge_heads(OpCall& call);   // layout.cpp
void kv_append(OpCall& call);     // layout.cpp
void attn_scores(OpCall& call);   // attention.cpp
void scale(OpCall& call);         // attention.cpp
void causal_mask(OpCall& call);   // attention.cpp
void softmax(OpCall& call);       // attention.cpp
void attn_context(OpCall& call);  // attention.cpp
void sdpa(OpCall& call);          // attention.cpp; see sdpa.h
void add(OpCall& call);           // elementwise.cpp
void multiply(OpCall& call);      // elementwise.cpp
void silu(OpCall& call);          // elementwise.cpp
void gelu_tanh(OpCall& call);     // elementwise.cpp
void softcap(OpCall& call);       // elementwise.cpp

}  // namespace plumbline::torch_reference
