// SPDX-License-Identifier: Apache-2.0
// Sums of products: +M, -M and a unit far below M; the unit survives if and only if it joined after the two had met.
// A mean of squares knows no -M: beside a 1 stand two units of 2^-24, each a tie that 1 swallows (to even); if they met
// before, their sum 2^-23 moves it.
#include "run/summation_probe.h"

#include <algorithm>
#include <cmath>

#include <plumbline/backend.h>
#include <plumbline/error.h>

#include "run/backends.h"

namespace plumbline::run {
namespace {

constexpr int64_t kRowsPerModel = 4096;

constexpr double kRootOfTie = 0x1p-12;  // its square is half a unit in the last place of 1 in f32

/// Whether its operands are two tensors cut into heads, not rows and a weight.
bool by_head(const Op& op) { return op.kind == OpKind::attn_scores || op.kind == OpKind::attn_context; }

/// The op's own attributes, contract and inner taps, with other inputs and no bias.
Op alone(const Op& op) {
  Op copy = op;
  copy.layer = -1;
  if (copy.kind == OpKind::linear) copy.parameters.resize(1);
  copy.inputs =
      by_head(copy) ? std::vector<std::string>{"probe.heads", "ones.heads"} : std::vector<std::string>{"probe"};
  return copy;
}

int64_t terms_of(const Op& op, const Model& model, int64_t rows) {
  switch (op.kind) {
    case OpKind::linear:
    case OpKind::rmsnorm: return model.parameters.at(op.parameters.front()).shape().back();
    case OpKind::attn_scores: return model.config.head_dim;
    case OpKind::attn_context: return rows;
    default:
      throw UsageError("plumbline order: op '" + op.name + "' sums nothing whose order could be found",
                       {"its kind  " + std::string(op_kind_name(op.kind))},
                       "ops with an order: linear, rmsnorm, attn_scores, softmax, attn_context");
  }
}

int64_t copies(const Op& op, const Model& model) {
  if (op.kind == OpKind::rmsnorm) return std::max<int64_t>(1, integer(op, "heads"));
  return op.kind == OpKind::linear ? 1 : model.config.heads;
}

const std::string& read_tap(const Op& op) {
  return op.kind == OpKind::rmsnorm ? inner_tap(op, ".var") : op.outputs.front().path;
}

}  // namespace

SummationProbe::SummationProbe(const RunOptions& options, const Model& model, const Op& op, int64_t rows)
    : options_(options), source_(model), op_(alone(op)), rows_(rows), terms_(terms_of(op, model, rows)) {
  width_ = terms_ * copies(op_, model);
  if (terms_ < 2)
    throw InputError("plumbline order: op '" + op.name + "' adds fewer than two terms",
                     {"terms  " + std::to_string(terms_)}, "for attn_context: --rows is the number of keys");
  if (op_.kind != OpKind::rmsnorm) return;
  Row one(static_cast<size_t>(terms_), 0.0);
  one.front() = 1.0;
  silent_ = sums({one}).front();
}

SummationProbe::Row SummationProbe::row_of(const Triple& triple) const {
  Row row(static_cast<size_t>(terms_), 0.0);
  const auto at = [&row](int64_t term) -> double& { return row.at(static_cast<size_t>(term)); };
  if (op_.kind == OpKind::rmsnorm) {
    at(triple.alone) = 1.0;
    at(triple.left) = at(triple.right) = kRootOfTie;
  } else {
    at(triple.alone) = unit_term(source_.config.dtype);
    at(triple.left) = large_term(source_.config.dtype);
    at(triple.right) = -large_term(source_.config.dtype);
  }
  return row;
}

std::vector<bool> SummationProbe::ask(const std::vector<Triple>& triples) const {
  std::vector<bool> answers;
  for (size_t first = 0; first < triples.size(); first += kRowsPerModel) {
    std::vector<Row> rows;
    for (size_t i = first; i < std::min(triples.size(), first + kRowsPerModel); ++i) rows.push_back(row_of(triples[i]));
    for (const double sum : sums(rows)) answers.push_back(sum != silent_);
  }
  return answers;
}

void SummationProbe::add_operand(Model& model, const std::string& name, int64_t width, const std::vector<double>& table,
                                 int64_t heads) const {
  add_table(model, name, width, table);
  if (heads == 0) return;
  Op split;
  split.name = name + ".heads";
  split.kind = OpKind::split_heads;
  split.contract = "layout/copy";
  split.inputs = {name};
  split.attributes = {{"heads", heads}};
  split.outputs = {{split.name, source_.config.dtype, {"batch", "head", "token", "channel"}, false}};
  model.graph.ops.push_back(std::move(split));
}

Model SummationProbe::model_of(const std::vector<Row>& rows) const {
  Model model;
  model.directory = source_.directory;
  model.config = source_.config;
  const auto count = static_cast<int64_t>(rows.size());
  model.config.vocab = (count + rows_ - 1) / rows_ * rows_;  // the last step is full too
  std::vector<double> table;
  for (int64_t i = 0; i < model.config.vocab; ++i)
    for (int64_t copy = 0; copy < width_ / terms_; ++copy) {
      const Row& row = rows[static_cast<size_t>(std::min(i, count - 1))];
      table.insert(table.end(), row.begin(), row.end());
    }
  const bool attention = by_head(op_);
  add_operand(model, "probe", width_, table, attention ? source_.config.heads : 0);
  if (attention) {
    const int64_t width = source_.config.kv_heads * source_.config.head_dim;
    add_operand(model, "ones", width, std::vector<double>(static_cast<size_t>(model.config.vocab * width), 1.0),
                source_.config.kv_heads);
  }
  for (const std::string& name : op_.parameters) {
    const Shape& shape = source_.parameters.at(name).shape();
    const std::vector<double> ones(static_cast<size_t>(element_count(shape)), 1.0);
    model.parameters[name] = Tensor::from_values(source_.config.dtype, shape, ones);
  }
  model.graph.ops.push_back(op_);
  return model;
}

/// The row's sum in the first column (head, key); notes it if another column disagrees.
double SummationProbe::read(const Tensor& result, int64_t row) const {
  const int64_t columns = by_head(op_) ? result.shape().back() : result.count() / rows_;
  const double first = result.view().at(row * columns);
  for (int64_t column = 1; column < columns && !columns_differ_; ++column)
    columns_differ_ = result.view().at(row * columns + column) != first;
  return first;
}

std::vector<double> SummationProbe::sums(const std::vector<Row>& rows) const {
  std::vector<double> found;
  if (rows.empty()) return found;
  const Model model = model_of(rows);
  const std::unique_ptr<Backend> backend = make_backend(options_, model);
  OneTap sink(read_tap(op_));
  for (int64_t first = 0; first < model.config.vocab; first += rows_) {
    Step step{first / rows_, first, {}};
    for (int64_t i = 0; i < rows_; ++i) step.tokens.push_back(first + i);
    backend->forward(step, sink);
    for (int64_t i = 0; i < rows_ && found.size() < rows.size(); ++i) found.push_back(read(sink.kept, i));
  }
  return found;
}

}  // namespace plumbline::run
