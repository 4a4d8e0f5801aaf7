// SPDX-License-Identifier: Apache-2.0
#include "run/attention_probe.h"

#include <algorithm>
#include <memory>

#include <plumbline/backend.h>
#include <plumbline/error.h>

#include "run/backends.h"

namespace plumbline::run {
namespace {

constexpr OpKind kAttention[] = {OpKind::attn_scores, OpKind::scale,        OpKind::causal_mask,
                                 OpKind::softmax,     OpKind::attn_context, OpKind::merge_heads};

/// exp of it is 5.3e-8: less than 2^-24, half a unit in the last place of 1, and more than half of that.
constexpr double kSmallScore = -16.75;
constexpr double kNoScore = -1000.0;  // exp of it is 0 in f32

bool on_the_way(const Op& op) {
  return op.kind == OpKind::kv_append || op.kind == OpKind::rope || op.kind == OpKind::split_heads;
}

}  // namespace

AttentionProbe::AttentionProbe(const RunOptions& options, const Model& model, const Op& op, int64_t rows)
    : options_(options), source_(model), asked_(op), rows_(rows), width_(model.config.head_dim) {
  if (terms() < 2)
    throw InputError("plumbline order: op '" + op.name + "' adds fewer than two terms",
                     {"terms  " + std::to_string(terms())}, "--rows is the number of keys");
  for (const OpKind kind : kAttention) op_of(kind);
  if (asked_.kind == OpKind::softmax) inner_tap(asked_, ".probs32");
}

int64_t AttentionProbe::terms() const { return asked_.kind == OpKind::attn_scores ? width_ : rows_; }

const Op& AttentionProbe::op_of(OpKind kind) const {
  for (const Op& op : source_.graph.ops)
    if (op.kind == kind && op.layer == asked_.layer) return op;
  throw InputError("plumbline order: the layer of op '" + asked_.name + "' has no whole attention",
                   {"missing  " + std::string(op_kind_name(kind))}, "name another op");
}

int64_t AttentionProbe::questions_at_once() const {
  switch (asked_.kind) {
    case OpKind::attn_scores: return rows_;
    case OpKind::softmax: return std::min(rows_, width_);
    default: return width_;
  }
}

AttentionProbe::Operands AttentionProbe::operands_of(const std::vector<Triple>& triples) const {
  const auto size = static_cast<size_t>(rows_ * width_);
  const bool scores = asked_.kind == OpKind::attn_scores, context = asked_.kind == OpKind::attn_context;
  Operands all{std::vector<double>(size, 0.0), std::vector<double>(size, scores ? 1.0 : 0.0),
               std::vector<double>(size, 0.0)};
  const DType dtype = source_.config.dtype;
  // A probability below 1 would take the smallest unit of f16 to nothing.
  const double unit = context && dtype == DType::f16 ? 0x1p-14 : unit_term(dtype);
  for (size_t i = 0; i < triples.size(); ++i) {
    const auto question = static_cast<int64_t>(i);
    const auto at = [&](int64_t row, int64_t column) { return static_cast<size_t>(row * width_ + column); };
    const auto term = [&](int64_t k) { return scores ? at(question, k) : at(k, question); };
    if (asked_.kind == OpKind::softmax) {
      all.q[at(question, question)] = 1.0;
      for (int64_t key = 0; key < rows_; ++key) all.k[term(key)] = kNoScore;
      all.k[term(triples[i].alone)] = 0.0;
      all.k[term(triples[i].left)] = all.k[term(triples[i].right)] = kSmallScore;
      continue;
    }
    std::vector<double>& terms = scores ? all.q : all.v;
    terms[term(triples[i].alone)] = unit;
    terms[term(triples[i].left)] = large_term(dtype);
    terms[term(triples[i].right)] = -large_term(dtype);
  }
  return all;
}

void AttentionProbe::add_operand(Model& model, const std::string& name, int64_t heads,
                                 const std::vector<double>& values) const {
  std::vector<double> table;
  for (int64_t row = 0; row < rows_; ++row)
    for (int64_t head = 0; head < heads; ++head)
      table.insert(table.end(), values.begin() + row * width_, values.begin() + (row + 1) * width_);
  add_table(model, name, heads * width_, table);
}

/// The ops that bring a projection to the attention's input `path`, with the operand in the projection's place.
void AttentionProbe::add_way(Model& model, const std::string& path, const std::string& operand) const {
  std::vector<Op> way;
  for (const Op* op = source_.graph.producer(path); op != nullptr && on_the_way(*op);
       op = source_.graph.producer(op->inputs.front())) {
    way.push_back(*op);
    way.back().layer = -1;
    if (op->kind != OpKind::rope) continue;
    way.back().inputs = {op->inputs.front(), "probe.cos", "probe.sin"};
    way.back().contract = "rope/neox-t";  // by an angle of 0, which is exact in any format, and the tables are of T
    std::erase_if(way.back().outputs, [](const TapSpec& tap) { return tap.inner; });
  }
  if (way.empty())
    throw InputError("plumbline order: nothing brings a projection to the attention of op '" + asked_.name + "'",
                     {"its input  " + path}, "name another op");
  way.back().inputs.front() = operand;
  model.graph.ops.insert(model.graph.ops.end(), way.rbegin(), way.rend());
}

/// The attention as it is, but for what would not be exact. Returns the tap that answers.
std::string AttentionProbe::add_attention(Model& model) const {
  for (const OpKind kind : kAttention) {
    Op op = op_of(kind);
    op.layer = -1;
    if (kind == OpKind::causal_mask) op.attributes = {{"offset", rows_}};
    if (kind == OpKind::scale && asked_.kind == OpKind::softmax) op.attributes["factor"] = 1.0;
    model.graph.ops.push_back(std::move(op));
  }
  return asked_.kind == OpKind::softmax ? inner_tap(asked_, ".probs32") : asked_.outputs.front().path;
}

Model AttentionProbe::model_of(const Operands& operands) const {
  Model model;
  model.directory = source_.directory;
  model.config = source_.config;
  model.config.vocab = rows_;
  add_operand(model, "probe.q", source_.config.heads, operands.q);
  add_operand(model, "probe.k", source_.config.kv_heads, operands.k);
  add_operand(model, "probe.v", source_.config.kv_heads, operands.v);
  add_operand(model, "probe.cos", 1, std::vector<double>(operands.q.size(), 1.0));
  add_operand(model, "probe.sin", 1, std::vector<double>(operands.q.size(), 0.0));
  const Op &scores = op_of(OpKind::attn_scores), &context = op_of(OpKind::attn_context);
  add_way(model, scores.inputs.at(0), "probe.q");
  add_way(model, scores.inputs.at(1), "probe.k");
  add_way(model, context.inputs.at(1), "probe.v");
  return model;
}

/// Of head 0; notes it if another head disagrees.
bool AttentionProbe::answer(const Tensor& result, size_t question, const Triple& triple) const {
  const int64_t heads = result.shape().at(1), columns = result.shape().back();
  const auto asked = static_cast<int64_t>(question);
  const int64_t row = asked_.kind == OpKind::attn_context ? rows_ - 1 : asked;
  int64_t column = 0;
  if (asked_.kind == OpKind::softmax) column = triple.alone;
  if (asked_.kind == OpKind::attn_context) column = asked;
  const double untouched = asked_.kind == OpKind::softmax ? 1.0 : 0.0;
  const auto told = [&](int64_t head) {
    return result.view().at((head * rows_ + row) * columns + column) != untouched;
  };
  for (int64_t head = 1; head < heads && !columns_differ_; ++head) columns_differ_ = told(head) != told(0);
  return told(0);
}

std::vector<bool> AttentionProbe::ask(const std::vector<Triple>& triples) const {
  std::vector<bool> answers;
  const auto batch = static_cast<size_t>(questions_at_once());
  Step step{0, 0, {}};
  for (int64_t row = 0; row < rows_; ++row) step.tokens.push_back(row);
  for (size_t first = 0; first < triples.size(); first += batch) {
    const auto begin = triples.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<Triple> asked(begin,
                                    begin + static_cast<std::ptrdiff_t>(std::min(batch, triples.size() - first)));
    Model model = model_of(operands_of(asked));
    OneTap sink(add_attention(model));
    make_backend(options_, model)->forward(step, sink);
    for (size_t i = 0; i < asked.size(); ++i) answers.push_back(answer(sink.kept, i, asked[i]));
  }
  return answers;
}

}  // namespace plumbline::run
