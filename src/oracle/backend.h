// SPDX-License-Identifier: Apache-2.0
// The oracle as a backend: runs the whole graph, op by op, on rounded inputs. Invariant: every tap it hands out holds
// what a perfect implementation of the op's contract would store for the taps before it.
#pragma once
#include <memory>
#include <optional>

#include <plumbline/backend.h>
#include <plumbline/model.h>

namespace plumbline {

/// `model` must outlive the backend. threads: 0 for all processors; the bits do not depend on it. `graph`: runs this
/// one instead of the model's own, with the model's parameters (other contracts, another order of ops).
std::unique_ptr<Backend> make_oracle_backend(const Model& model, int threads, std::optional<OpGraph> graph = {});

}  // namespace plumbline
