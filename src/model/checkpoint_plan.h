// SPDX-License-Identifier: Apache-2.0
// A checkpoint with random weights as a plan: config.json and, tensor by tensor, what its numbers are drawn from.
// Invariant: the plan and its seed fix every byte; nothing of the weights is held in memory.
//
// Statistics. A matrix has mean 0 and deviation c / sqrt(inputs), with c as measured on the trained qwen3-tiny of
// dumps/models: q 0.78, k 0.75, v 0.69, gate 0.87, up 0.87, down 0.60; o 1.46 there, where it has four times as many
// inputs as outputs, so c is halved to 0.73. Norm weights (mean, deviation), measured there too: input 0.92, 0.16; post
// 1.21, 0.19; query and key 1.18, 0.27; final 2.04, 0.18. Embedding and head: 0.86 / sqrt(hidden), which for Qwen3-0.6B
// is the 0.0268 that its users report. Biases: deviation 0.1, our choice.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <plumbline/dtype.h>
#include <plumbline/tensor.h>

namespace plumbline {

struct PlannedTensor {
  std::string name;
  Shape shape;
  double mean = 0.0, deviation = 0.0;
  std::string source;  ///< seeds the generator: two tensors of one source, shape and law are equal (a tied head)
  double peak = 0.0;   ///< not 0: one element, chosen by the source, is exactly this
};

struct PlanOptions {
  std::string shape;  ///< a name of the shape table, or a config.json
  uint64_t seed = 1;
  std::optional<DType> dtype = {};  ///< bf16, f16, f32; none: as the config says
  int64_t layers = 0;               ///< 0: as the config says
  bool notes_k_norm = false;        ///< K-norm maxima as reported of Qwen3-0.6B: notes_k_norm_maximum
};

struct CheckpointPlan {
  std::string config_json;
  DType dtype = DType::bf16;
  int64_t vocab = 0, max_positions = 0;
  uint64_t seed = 1;
  std::vector<PlannedTensor> tensors;  ///< in the order of the file

  int64_t elements() const;
};

/// Throws UsageError for a shape, layer count or option that does not fit, CheckpointError for a bad config.json.
CheckpointPlan plan_checkpoint(const PlanOptions& options);

/// Largest K-norm weight of a layer where they are as extreme as the case study's notes report: 96.5, 44.5, 44, 41.75
/// and 34, above 10 in 16 of 28 layers. Which layers, and the other eleven figures, are our choice. 0: as drawn.
double notes_k_norm_maximum(int64_t layer, int64_t layers);

/// Numbers `first` to `first + count` of the tensor, in the plan's format. The same for any division into calls.
void draw(const CheckpointPlan& plan, const PlannedTensor& tensor, int64_t first, int64_t count, std::byte* out);

}  // namespace plumbline
