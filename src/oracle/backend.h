// SPDX-License-Identifier: Apache-2.0
// The oracle as a backend: runs the whole graph, op by op, on rounded inputs. Invariant: every tap it hands out holds
// what a perfect implementation of the op's contract (or, with a draw, one right one) stores for the taps before it.
#pragma once
#include <memory>
#include <optional>

#include <plumbline/backend.h>
#include <plumbline/model.h>

#include "oracle/noisy.h"

namespace plumbline {

/// `model` must outlive the backend. threads: 0 for all processors; the bits do not depend on it. `graph`: runs this
/// one instead of the model's own, with the model's parameters (other contracts, another order of ops). `draw`: every
/// op as one of its right implementations might compute it (oracle/noisy.h) instead of exactly.
std::unique_ptr<Backend> make_oracle_backend(const Model& model, int threads, std::optional<OpGraph> graph = {},
                                             std::optional<Draw> draw = {});

}  // namespace plumbline
