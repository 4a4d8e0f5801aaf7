// SPDX-License-Identifier: Apache-2.0
// A Hugging Face model directory, loaded by strict rules into a config, an op graph and parameters (mapped, not
// copied). Invariant: every parameter the graph names is present with the shape and dtype the config implies, and no
// tensor of the files is left without a use or a note.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/op_graph.h>
#include <plumbline/tensor.h>

namespace plumbline {

struct ModelConfig {
  std::string architecture;  ///< "Qwen3ForCausalLM", "LlamaForCausalLM"
  int64_t hidden = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate = 0, vocab = 0, max_positions = 0;
  double rope_theta = 0.0, rms_eps = 0.0;
  std::optional<RopeScaling> rope_scaling;
  bool tied = false;
  bool attention_bias = false;    ///< of the q, k and v projections, and of o in families where it goes with them
  bool mlp_bias = false;          ///< of the gate, up and down projections
  std::vector<int64_t> windows;   ///< of each layer the keys that a token sees, its own among them; 0 or none: all
  int64_t rotary_dim = 0;         ///< channels of a head that are rotated, the first ones; 0: all
  double local_rope_theta = 0.0;  ///< of layers with a window, which nothing scales; 0: they have the others' table
  double query_scalar = 0.0;      ///< scores are scaled by its -1/2 power; 0: by head_dim's
  double score_cap = 0.0;         ///< soft cap of the scores; 0: none
  double logit_cap = 0.0;         ///< of the logits
  DType dtype = DType::bf16;
  std::string json;  ///< config.json as read
};

/// Name -> tensor. Parameters are shared, never copied; a fault replaces an entry.
using Parameters = std::map<std::string, Tensor>;

/// Hex XXH3-128 of dtype, shape and bytes: two parameters are the same numbers if and only if (for all practical
/// purposes) their digests agree.
std::string digest(const TensorView& tensor);

struct FileDigest {
  std::string name;  ///< file name inside the directory
  int64_t bytes = 0;
  std::string xxh3;  ///< hex XXH3-128 of the whole file
};

/// A defect of the candidate's kernels, planted in one op.
struct KernelFault {
  std::string name;  ///< "kernel.k_tail_lost"
  std::string op;    ///< "layer.3.attn.q_proj"
};

struct Model {
  std::filesystem::path directory;
  ModelConfig config;
  OpGraph graph;
  Parameters parameters;            ///< as used, after faults; the tied head appears under the embedding's name only
  std::vector<FileDigest> files;    ///< config.json and every weight file, as read
  std::vector<std::string> notes;   ///< dead buffers ignored, tied head stored too, ...
  std::vector<std::string> faults;  ///< the faults applied, as spelled on the command line
  /// Those of them that graph and parameters do not show: only the backends twin and cuda can have them.
  std::vector<KernelFault> kernel_faults;
};

/// Loads and checks a directory. Throws CheckpointError (file, tensor, both values, way out) at the first broken rule.
Model load_model(const std::filesystem::path& directory);

/// Builds the graph of a config. Throws CheckpointError for an architecture or option that no builder knows.
OpGraph build_graph(const ModelConfig& config);

/// A deliberate, named defect: a rewrite of graph or weights, or (kernel faults) a note that the candidate obeys.
struct FaultInfo {
  std::string name;          ///< "rope.theta"
  std::string value;         ///< what may stand after '=', "" if nothing: "number (default 1e4)"
  std::string default_site;  ///< where it goes without '@': "layer.3"
  std::string effect;        ///< one sentence or two
  bool kernel = false;       ///< in the candidate's kernels only (backends twin and cuda), else in every backend
};
std::vector<FaultInfo> fault_catalogue();
/// Applies "NAME[=VALUE][@SITE]", e.g. "rope.theta=1e4@layer.3". Throws UsageError with near-misses for an unknown
/// name, a bad value or a site that the model lacks, and if the fault would change nothing in this model.
void apply_fault(Model& model, std::string_view fault);

/// Where a fault goes, by the catalogue alone: nothing is run.
struct FaultPlan {
  std::vector<std::string> ops;     ///< that it makes wrong, in execution order: it must show at the first of them
  bool changes_parameters = false;  ///< else graph or kernels
};
/// Leaves the model alone. Throws UsageError where apply_fault does.
FaultPlan plan_fault(const Model& model, std::string_view fault);

/// Text <-> ids by the directory's tokenizer.json, if it is a byte-level vocabulary without merges.
class Tokenizer {
 public:
  /// Throws InputError (way out: --tokens FILE) if the file is absent or of another kind.
  static Tokenizer load(const std::filesystem::path& directory);
  std::vector<int64_t> encode(std::string_view text) const;
  /// Bytes of the ids; ids without bytes (reserved, special) print as "<|name|>".
  std::string decode(const std::vector<int64_t>& ids) const;

 private:
  std::vector<int64_t> id_of_byte_;
  std::map<int64_t, std::string> text_of_id_;
};

}  // namespace plumbline
