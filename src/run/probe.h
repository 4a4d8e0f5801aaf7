// SPDX-License-Identifier: Apache-2.0
// What every way of asking for an order of summation shares: the questions' operands as embeddings of a small graph,
// and the one tap that answers. Invariant: the two large terms cancel exactly, and beside one of them the unit
// vanishes.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/model.h>
#include <plumbline/tap.h>

#include "run/summation_tree.h"

namespace plumbline::run {

/// A sum as a black box that answers questions about its order.
class Probe {
 public:
  virtual ~Probe() = default;
  /// Terms of one sum.
  virtual int64_t terms() const = 0;
  /// Throws BackendError if the backend cannot run what asks.
  virtual std::vector<bool> ask(const std::vector<Triple>& triples) const = 0;
  /// Whether some question so far was answered differently by different columns of the result.
  virtual bool columns_differ() const = 0;
  /// Whether a unit vanishes beside a large term, as it must for questions to mean anything: false for sums that are
  /// exact or kept wider than f32 can tell.
  bool swallows() const;
};

/// Keeps one tap.
class OneTap final : public TapSink {
 public:
  explicit OneTap(std::string path) : path_(std::move(path)) {}
  bool wants(std::string_view path) const override { return path == path_; }
  void begin_step(const Step&) override {}
  void record(const TapSpec& spec, const TensorView& values) override;
  Tensor kept;

 private:
  std::string path_;
};

/// The large term and the unit of a sum of products. In f16 the largest and smallest powers of two: 2^39 apart.
double large_term(DType dtype);
double unit_term(DType dtype);

/// The inner tap of the op whose path ends so. Throws UsageError if it has none.
const std::string& inner_tap(const Op& op, std::string_view suffix);

/// Adds the rows of `table` (row-major, of that width, in the model's format) to the graph as the tap `name`: row t is
/// token t's.
void add_table(Model& model, const std::string& name, int64_t width, const std::vector<double>& table);

}  // namespace plumbline::run
