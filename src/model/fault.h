// SPDX-License-Identifier: Apache-2.0
// A fault as data: its entry in the catalogue, the places it can go, and the rewrite that plants it.
// Invariant: a rewrite changes graph and parameters, so every backend that interprets them has the fault; or it notes a
// kernel fault, which only the candidate's kernels can have, and changes neither.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <plumbline/model.h>

namespace plumbline {

/// Where one use of a fault goes: "layer.3", resolved to the ops that it rewrites there.
struct FaultSite {
  std::string name;
  int layer = -1;                ///< -1 outside the layers
  std::vector<std::string> ops;  ///< op names, at least one
};

/// One use of a fault. `model` is a copy of the caller's, so a rewrite may throw half-way.
struct FaultCall {
  Model& model;
  std::string spelling;  ///< as on the command line, for messages
  FaultSite site;
  std::string value;  ///< what stood after '=', or ""
};

/// What may stand after '@' besides "layer.N".
enum class Reach : uint8_t {
  fixed,   ///< only the default site
  layers,  ///< nothing: the fault rewrites several ops of a layer together
  parts,   ///< one op out of those that "layer.N" stands for
  kinds    ///< any op of the kinds given
};

struct Fault {
  FaultInfo info;
  Reach reach = Reach::kinds;
  std::vector<std::string> parts;  ///< ops that "layer.N" stands for, without the layer; empty: no layer may be given
  std::vector<OpKind> kinds;
  void (*rewrite)(FaultCall&) = nullptr;
};

std::vector<Fault> norm_faults();
std::vector<Fault> attention_faults();
std::vector<Fault> norm_weight_faults();  ///< what a norm multiplies by
std::vector<Fault> weight_faults();
std::vector<Fault> layout_faults();  ///< weights whose values are right and lie elsewhere
std::vector<Fault> value_faults();   ///< weights that lie right and hold other values: scaled, lost, quantised
std::vector<Fault> wiring_faults();  ///< ops that read another tensor, are left out or run twice
std::vector<Fault> stream_faults();  ///< embedding, residual stream, head
std::vector<Fault> kernel_faults();  ///< defects of the candidate's kernels: graph and parameters stay as they are

/// Throws UsageError with near-misses for a site that this model lacks or that the fault cannot go to.
FaultSite resolve_site(const Model& model, const Fault& fault, const std::string& spelling, const std::string& site);

}  // namespace plumbline
