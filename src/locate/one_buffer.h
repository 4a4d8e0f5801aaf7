// SPDX-License-Identifier: Apache-2.0
// A dump whose layers all point to one buffer, as when a captured graph is replayed and copied at its end: every layer
// then holds what the last one left. Says so; leaves it to others to refuse it.
#pragma once
#include <string>

#include <plumbline/trace.h>

namespace plumbline {

/// The first step of at least two layers in which every tap that is not one constant holds the same bytes in all of
/// them, in words ("step 1: attn.q_proj, attn.o_proj hold the same bytes in all 4 layers"); empty if there is none.
std::string one_buffer(const Trace& trace);

}  // namespace plumbline
