// SPDX-License-Identifier: Apache-2.0
// Is a checkpoint what its config says, and were its numbers ever written? Weights alone are looked at; nothing is run.
// Invariant: each stored tensor is read once, in pieces, and never held whole; the report depends on the files alone,
// not on threads. A finding states what was seen; what cannot be told (a square of random weights) is not claimed.
// Leaves to others: rendering (src/report), exit status (src/cli), what a run makes of the weights (`noise`, `find`).
// Errors: CheckpointError for a directory, config or weight file that cannot be read at all.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/model.h>

#include "model/notes_checker.h"
#include "model/weight_statistics.h"

namespace plumbline {

enum class AuditRule : uint8_t {
  missing,          ///< a parameter that the config implies is not stored
  head_missing,     ///< the same of the head, which nothing ties
  shape,            ///< another shape than the config implies
  dtype,            ///< another dtype than the config's
  denied_bias,      ///< a bias that the config denies
  unused,           ///< stored, and no op uses it
  contradiction,    ///< index and shards contradict each other
  nonfinite,        ///< NaN or infinity
  unwritten,        ///< numbers as in memory that nobody wrote
  constant,         ///< every element the same
  repeated_value,   ///< much of a matrix is one value
  equal_tensors,    ///< two parameters hold the same numbers
  other_head,       ///< tied, and another head is stored
  transposed,       ///< a square that fits its neighbours crossed
  theta,            ///< a rope base that the family was not published with
  small_embedding,  ///< eps weighs beside the embedding's mean square
};

enum class AuditLevel : uint8_t { error, warning };

struct AuditFinding {
  AuditRule rule = AuditRule::missing;
  AuditLevel level = AuditLevel::error;
  std::string title;
  std::vector<std::string> tensors;  ///< all that it is about, the first stands for them; none: the config
  std::string file;                  ///< of the first; "" if it is not stored
  std::vector<std::string> evidence;
  std::string help;
};

struct AuditedTensor {
  std::string name, file;
  std::string kind;  ///< the name without "model." and the layer: "self_attn.k_norm.weight"
  int layer = -1;
  DType dtype = DType::bf16;
  Shape shape;
  bool expected = false;                       ///< the config implies it
  std::optional<WeightStatistics> statistics;  ///< none: not bf16, f16 or f32, or without elements
  std::vector<uint64_t> pieces;                ///< hashes: TensorMeter::pieces
};

/// All parameters of one kind and dtype that the config implies.
struct AuditedKind {
  std::string kind;
  DType dtype = DType::bf16;
  std::vector<size_t> tensors;  ///< places in AuditReport::tensors, by layer
  WeightStatistics statistics;
};

struct AuditReport {
  std::filesystem::path directory;
  ModelConfig config;
  int64_t bytes = 0;                          ///< of all weight files
  int64_t expected = 0, present = 0;          ///< parameters; `present` of any shape and dtype
  std::string head, heads, theta, embedding;  ///< a sentence each: what stands there and by which rule
  int64_t squares = 0, squares_upright = 0, squares_transposed = 0;
  std::vector<AuditFinding> findings;  ///< errors first
  std::vector<AuditedTensor> tensors;  ///< expected ones in checkpoint order, then the others by name
  std::vector<AuditedKind> kinds;
  bool has_qk_norm = false;
  NotesScore notes_checker;
  /// largest_logit() of the layer where it is largest.
  double logit_bound = 0.0;
  int logit_bound_layer = -1;
  std::vector<std::string> notes;  ///< buffers that are computed anew

  int64_t count(AuditLevel level) const;
};

/// Largest attention logit that a layer's norms of queries and keys allow: sqrt(head_dim) * max|q_norm| * max|k_norm|,
/// where each head is normed by itself, its weight is no offset and the scores are scaled by head_dim.
double largest_logit(const ModelConfig& config, const WeightStatistics& q, const WeightStatistics& k);

AuditReport audit_checkpoint(const std::filesystem::path& directory, int threads);

}  // namespace plumbline
