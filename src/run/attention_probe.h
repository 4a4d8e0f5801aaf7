// SPDX-License-Identifier: Apache-2.0
// One sum inside an attention that a backend runs only whole: the scores' products, the softmax's sum or the product
// with V, asked through the fused kernel. Invariant: everything but the sum that is asked is exact. The rotation is by
// an angle of 0, the mask lets every key through, the number of rows is the one asked for.
#pragma once
#include <vector>

#include "run/options.h"
#include "run/probe.h"

namespace plumbline::run {

/// Scores: a query row is a question, keys are ones, and the answer is the raw score.
/// Softmax: key k's channel c is term k of question c, and query c reads that channel alone; 1 beside two terms of 0.9
/// half units in its last place, which it swallows one by one but not together; the answer is the probability of the 1.
/// Context: scores of 0 make all probabilities one number; channel c of the values is question c.
class AttentionProbe final : public Probe {
 public:
  /// `op` is of kind attn_scores, softmax or attn_context; `model` must outlive the probe. Throws InputError if its
  /// layer has no whole attention or there are fewer than two terms, UsageError if the softmax has no tap in f32.
  AttentionProbe(const RunOptions& options, const Model& model, const Op& op, int64_t rows);

  int64_t terms() const override;
  std::vector<bool> ask(const std::vector<Triple>& triples) const override;
  bool columns_differ() const override { return columns_differ_; }

 private:
  /// The operands of one step, each row-major.
  struct Operands {
    std::vector<double> q, k, v;  ///< [rows, head_dim], the same for every head
  };
  int64_t questions_at_once() const;
  Operands operands_of(const std::vector<Triple>& triples) const;
  Model model_of(const Operands& operands) const;
  void add_operand(Model& model, const std::string& name, int64_t heads, const std::vector<double>& values) const;
  void add_way(Model& model, const std::string& path, const std::string& operand) const;
  std::string add_attention(Model& model) const;
  const Op& op_of(OpKind kind) const;
  bool answer(const Tensor& result, size_t question, const Triple& triple) const;

  RunOptions options_;
  const Model& source_;
  const Op& asked_;
  int64_t rows_ = 0, width_ = 0;
  mutable bool columns_differ_ = false;
};

}  // namespace plumbline::run
