// SPDX-License-Identifier: Apache-2.0
// One op of a model as a black box that answers questions about its order of summation: a graph of an embedding, whose
// rows are the questions, and that op, run by a backend like any other graph. Invariant: the op keeps the shapes, the
// format and the number of rows that were asked for, since libraries choose their order by them; its weights are ones.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <plumbline/model.h>

#include "run/options.h"
#include "run/probe.h"

namespace plumbline::run {

class SummationProbe final : public Probe {
 public:
  /// `options` say which backend runs it and how. `model` must outlive the probe. Throws UsageError for an op that sums
  /// nothing, InputError if there are fewer than two terms.
  SummationProbe(const RunOptions& options, const Model& model, const Op& op, int64_t rows);

  /// Terms of one sum: columns of the weight, channels of a norm, channels of a head, or (attn_context) keys = rows.
  int64_t terms() const override { return terms_; }
  /// One run of the backend per batch of rows. Throws BackendError if the backend cannot run the op alone.
  std::vector<bool> ask(const std::vector<Triple>& triples) const override;
  bool columns_differ() const override { return columns_differ_; }

 private:
  using Row = std::vector<double>;
  Row row_of(const Triple& triple) const;
  std::vector<double> sums(const std::vector<Row>& rows) const;
  Model model_of(const std::vector<Row>& rows) const;
  void add_operand(Model& model, const std::string& name, int64_t width, const std::vector<double>& table,
                   int64_t heads) const;
  double read(const Tensor& result, int64_t row) const;

  RunOptions options_;
  const Model& source_;
  Op op_;
  int64_t rows_ = 0, terms_ = 0, width_ = 0;
  double silent_ = 0.0;  // of a norm: what the large term gives alone
  mutable bool columns_differ_ = false;
};

}  // namespace plumbline::run
