// SPDX-License-Identifier: Apache-2.0
#include "trial/cases.h"

#include <cmath>

namespace plumbline::trial {
namespace {

double one_value(Data data, std::mt19937_64& random, double previous, int64_t index) {
  std::normal_distribution<double> normal;
  switch (data) {
    case Data::normal: return normal(random);
    case Data::positive: return std::fabs(normal(random));
    case Data::wide: return std::ldexp(normal(random), std::uniform_int_distribution<int>(-20, 20)(random));
    case Data::cancelling: return index % 2 == 1 ? -previous + 0x1p-9 * normal(random) : 8.0 * normal(random);
    case Data::constant: return index == 0 ? normal(random) : previous;
    case Data::sparse_huge: return normal(random) * (random() % 64 == 0 ? 1000.0 : 1.0);
    case Data::extreme: return std::ldexp(normal(random), std::uniform_int_distribution<int>(-60, 60)(random));
    case Data::subnormal: return std::ldexp(normal(random), random() % 32 == 0 ? -120 : -130);
    // Its square is 1.25 * 2^-24: 1 and that round up to 1 + 2^-23.
    case Data::one_way: return index == 0 ? 1.0 : 1.1171875 * 0x1p-12;
  }
  return 0.0;
}

/// A second operand that suits the first: what makes the first unkind must not be washed out.
Data partner(Data data) {
  switch (data) {
    case Data::positive:
    case Data::one_way: return data;
    default: return Data::normal;
  }
}

Case attention_case(OpKind kind, Data data, Generator& g) {
  const int64_t groups = g.between(1, 2), heads = groups * g.between(1, 2), width = g.size(129);
  const int64_t tokens = g.between(1, 6), keys = std::max(tokens, g.size(129));
  Case c;
  c.op = make_op(kind, {{"kv_map", std::string(g.between(0, 1) ? "block" : "modulo")}});
  const bool scores = kind == OpKind::attn_scores;
  c.in.inputs.push_back(
      g.array(scores || data == Data::one_way ? data : Data::positive, {1, heads, tokens, scores ? width : keys}));
  c.in.inputs.push_back(g.array(data, {1, groups, keys, width}));
  return c;
}

/// Every second channel becomes what its partner is turned onto: x cos - y sin is then nearly nothing.
void cancel(Case& c, const Array& cos, const Array& sin, DType model) {
  Array& x = c.in.inputs[0];
  const auto width = static_cast<size_t>(x.shape.back()), table = cos.values.size();
  if (cos.shape.back() != x.shape.back()) return;  // rows of another length
  const bool pairs = text(c.op, "pairing") == "interleaved";
  for (size_t i = 0; i < x.values.size(); ++i) {
    const size_t channel = i % width, other = pairs ? i + 1 : i + width / 2;
    if (pairs ? channel % 2 != 0 : channel >= width / 2) continue;
    const size_t angle = (i / width * width + (pairs ? channel / 2 : channel)) % table;
    const double turned = x.values[i] * cos.values[angle] / sin.values[angle];
    if (std::isfinite(turned)) x.values[other] = round_to(model, turned);
  }
}

Case rope_case(Data data, Generator& g) {
  const int64_t heads = g.between(1, 3), tokens = g.between(1, 6), width = 2 * g.between(1, 64);
  const int64_t passed = g.between(0, 3) == 0 ? g.between(1, 40) * 2 : 0;
  Case c;
  c.op = make_op(OpKind::rope, {{"pairing", std::string(g.between(0, 1) ? "half" : "interleaved")}});
  c.in.inputs.push_back(g.array(data, {1, heads, tokens, width + passed}));
  Array cos = g.array(Data::normal, {1, tokens, width}), sin = cos;
  for (size_t i = 0; i < cos.values.size(); ++i) {
    const double angle = 3.0 * cos.values[i];
    cos.values[i] = round_to(g.model(), std::cos(angle));
    sin.values[i] = round_to(g.model(), std::sin(angle));
  }
  if (data == Data::cancelling) cancel(c, cos, sin, g.model());
  c.in.inputs.push_back(std::move(cos));
  c.in.inputs.push_back(std::move(sin));
  return c;
}

RopeScaling longrope(int64_t width, Generator& g) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::longrope;
  scaling.original_positions = 1000.0;
  scaling.attention_factor = 1.1902380714238083;
  for (int64_t i = 0; i < width / 2; ++i) {
    scaling.short_factors.push_back(1.0 + 0.01 * static_cast<double>(g.between(0, 100)));
    scaling.long_factors.push_back(1.0 + 0.1 * static_cast<double>(g.between(0, 600)));
  }
  return scaling;
}

Case table_case(Generator& g) {
  const double thetas[] = {1e4, 5e5, 1e6};
  Case c;
  c.op = make_op(OpKind::rope_table, {{"theta", thetas[g.between(0, 2)]}, {"head_dim", 2 * g.between(1, 64)}}, 2);
  c.op.outputs[1].path = "x.sin";
  const RopeScaling scalings[] = {{8.0, 1.0, 4.0, 8192.0}, {32.0, 1.0, 4.0, 8192.0}, {8.0, 1.0, 4.0, 512.0},
                                  {3.0, 0.7, 2.3, 1000.0}, linear_scaling(8.0),      linear_scaling(3.0)};
  if (g.between(0, 1) == 1) set_rope_scaling(c.op, scalings[g.between(0, 5)]);
  if (g.between(0, 3) == 0) set_rope_scaling(c.op, longrope(integer(c.op, "head_dim"), g));
  const int64_t first = g.between(0, 1) ? 0 : g.between(0, 40000), tokens = g.between(1, 40);
  Array positions{{tokens}, {}};
  for (int64_t i = 0; i < tokens; ++i) positions.values.push_back(static_cast<double>(first + i));
  c.in.inputs.push_back(std::move(positions));
  return c;
}

Case linear_case(Data data, Generator& g) {
  const int64_t terms = g.size(3000), outputs = g.between(1, 12), rows = g.between(1, 5);
  Case c;
  c.op = make_op(OpKind::linear, {});
  c.in.inputs.push_back(g.array(data, {1, rows, terms}));
  c.in.parameters.push_back(g.array(partner(data), {outputs, terms}));
  if (g.between(0, 2) == 0) c.in.parameters.push_back(g.array(Data::normal, {outputs}));
  return c;
}

Case norm_case(Data data, Generator& g) {
  const int64_t heads = g.between(0, 3), width = g.size(3000), rows = g.between(1, 5);
  const double epsilons[] = {1e-6, 1e-5};
  Case c;
  c.op = make_op(OpKind::rmsnorm, {{"eps", epsilons[g.between(0, 1)]}, {"heads", heads}});
  c.op.outputs.push_back({"x.n32", DType::f32, {}, true});
  c.in.inputs.push_back(g.array(data, {1, rows, std::max<int64_t>(heads, 1) * width}));
  c.in.parameters.push_back(g.array(Data::normal, {width}));
  return c;
}

}  // namespace

int64_t Generator::size(int64_t most) {
  const int64_t edges[] = {1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129};
  const int64_t edge = edges[between(0, 12)];
  if (between(0, 3) != 0 && edge <= most) return edge;
  return static_cast<int64_t>(
      std::exp(std::uniform_real_distribution<double>(0.0, std::log(static_cast<double>(most)))(random_)));
}

Array Generator::array(Data data, Shape shape) {
  Array out{std::move(shape), {}};
  const int64_t count = element_count(out.shape), width = out.shape.back();
  double previous = 0.0;
  for (int64_t i = 0; i < count; ++i) {
    previous = round_to(model_, one_value(data, random_, previous, i % width));
    out.values.push_back(previous);
  }
  return out;
}

std::string_view data_name(Data data) {
  constexpr std::string_view kNames[] = {"zero-mean",   "positive", "wide",      "cancelling", "constant",
                                         "sparse-huge", "extreme",  "subnormal", "one-way"};
  return kNames[static_cast<size_t>(data)];
}

Op make_op(OpKind kind, Attributes attributes, size_t results) {
  Op op;
  op.name = "x";
  op.kind = kind;
  op.attributes = std::move(attributes);
  for (size_t i = 0; i < results; ++i) op.outputs.push_back({"x.out", DType::bf16, {}, false});
  return op;
}

namespace {

Case embedding_case(Data data, Generator& g) {
  const int64_t rows = g.between(1, 20), width = g.size(129), tokens = g.between(1, 5);
  Case c;
  c.op = make_op(OpKind::embedding, {{"scale", g.between(0, 1) == 0 ? 1.0 : std::sqrt(static_cast<double>(width))}});
  Array chosen{{tokens}, {}};
  for (int64_t i = 0; i < tokens; ++i) chosen.values.push_back(static_cast<double>(g.between(0, rows - 1)));
  c.in.inputs.push_back(std::move(chosen));
  c.in.parameters.push_back(g.array(data, {rows, width}));
  return c;
}

Case heads_case(OpKind kind, Data data, Generator& g) {
  const int64_t heads = g.between(1, 4), tokens = g.between(1, 17), width = g.size(129);
  Case c;
  c.op = make_op(kind, kind == OpKind::split_heads ? Attributes{{"heads", heads}} : Attributes{});
  c.in.inputs.push_back(
      g.array(data, kind == OpKind::split_heads ? Shape{1, tokens, heads * width} : Shape{1, heads, tokens, width}));
  if (kind == OpKind::kv_append && g.between(0, 2) != 0) c.in.past = g.array(data, {1, heads, g.between(1, 33), width});
  return c;
}

Case case_of_kind(OpKind kind, Data data, Generator& g) {
  Case c;
  switch (kind) {
    case OpKind::attn_scores:
    case OpKind::attn_context: return attention_case(kind, data, g);
    case OpKind::rope: return rope_case(data, g);
    case OpKind::rope_table: return table_case(g);
    case OpKind::linear: return linear_case(data, g);
    case OpKind::embedding: return embedding_case(data, g);
    case OpKind::split_heads:
    case OpKind::merge_heads:
    case OpKind::kv_append: return heads_case(kind, data, g);
    case OpKind::rmsnorm: return norm_case(data, g);
    case OpKind::softmax:
      c.op = make_op(kind, {});
      c.in.inputs.push_back(g.array(data, {1, 2, g.between(1, 4), g.size(1100)}));
      return c;
    case OpKind::causal_mask:
      c.op = make_op(kind, {{"offset", g.between(0, 1)}});
      if (g.between(0, 2) == 0) c.op.attributes["window"] = g.between(1, 12);
      c.in.first_position = g.between(0, 9);
      c.in.inputs.push_back(g.array(data, {1, 2, g.between(1, 6), g.between(1, 20)}));
      return c;
    case OpKind::softcap: {
      const double caps[] = {50.0, 30.0, 33.3, 1.0};
      c.op = make_op(kind, {{"cap", caps[g.between(0, 3)]}});
      for (const char* inner : {"x.quotient", "x.tanh"}) c.op.outputs.push_back({inner, g.model(), {}, true});
      break;
    }
    case OpKind::scale:
      c.op = make_op(kind, {{"factor", 1.0 / std::sqrt(static_cast<double>(g.between(1, 256)))}});
      break;
    default: c.op = make_op(kind, {});
  }
  const Shape shape{1, g.between(1, 5), g.between(1, 300)};
  c.in.inputs.push_back(g.array(data, shape));
  if (kind == OpKind::add || kind == OpKind::multiply) c.in.inputs.push_back(g.array(data, shape));
  return c;
}

}  // namespace

Case random_case(OpKind kind, Data data, Generator& g) {
  Case c = case_of_kind(kind, data, g);
  c.model = g.model();
  c.parts = g.between(2, 8);
  for (TapSpec& spec : c.op.outputs)
    if (!spec.inner) spec.dtype = c.model;
  return c;
}

}  // namespace plumbline::trial
