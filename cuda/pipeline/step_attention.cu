// SPDX-License-Identifier: Apache-2.0
// Steps between the projections: heads (norms, rotation, cache) and attention. Invariant: step_runner.h.
#include <plumbline/error.h>

#include "cuda/attention/attention.h"
#include "cuda/faults/faulty.h"
#include "cuda/heads/heads.h"
#include "cuda/pipeline/step_runner.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

/// [1, S, heads * D] or [1, S, heads, D] -> D.
int64_t head_dim_of(const Op& split, const DeviceValue& x) {
  const int64_t heads = integer(split, "heads"), width = element_count(x.shape) / (x.extent(0) * x.extent(1));
  if (heads >= 1 && width % heads == 0) return width / heads;
  throw BackendError("kernels: op '" + split.name + "' cannot split its input into heads",
                     {"input  " + to_string(x.shape), "heads  " + std::to_string(heads)}, "check the graph");
}

bool is_interleaved(const Op& rope) {
  const std::string& pairing = text(rope, "pairing");
  if (pairing == "half" || pairing == "interleaved") return pairing == "interleaved";
  throw BackendError("kernels: op '" + rope.name + "' asks for pairing '" + pairing + "'", {},
                     "take half or interleaved");
}

bool is_modulo(const Op& op) {
  const std::string& map = text(op, "kv_map");
  if (map == "block" || map == "modulo") return map == "modulo";
  throw BackendError("kernels: op '" + op.name + "' asks for kv_map '" + map + "'", {}, "take block or modulo");
}

void add_norm(HeadRole& role, Yields& yields, int first_slot, const Weights& weights, const Op& norm, int64_t tokens,
              int64_t head_dim) {
  if (integer(norm, "heads") != role.heads) {
    throw BackendError("kernels: op '" + norm.name + "' norms other heads than the next op splits",
                       {"norm   " + std::to_string(integer(norm, "heads")), "split  " + std::to_string(role.heads)},
                       "check the graph");
  }
  role.norm_weight = weights.get(norm, 0, {head_dim});
  role.eps = float(number(norm, "eps"));
  role.rounding = rounding_of(norm);
  role.weight_offset = weight_offset_of(norm);
  tap_norm(yields, first_slot, norm, {1, tokens, role.heads, head_dim}, true);
}

const float* f32_input(const Op& reader, const DeviceValue& value) {
  if (value.dtype == DType::f32) return value.as<float>();
  throw BackendError("kernels: op '" + reader.name + "' reads an f32 table under " + reader.contract,
                     {"its input is " + std::string(dtype_name(value.dtype))},
                     "give the table contract rope-table/f32out");
}

void add_rope(HeadRole& role, Yields& yields, int first_slot, const Op& rope, const DeviceValue& cos,
              const DeviceValue& sin, Shape shape) {
  require_contract(rope, {"rope/neox-t", "rope/neox-f32", "rope/interleaved-f32"});
  const DType held = rope.contract == "rope/neox-t" ? DType::bf16 : DType::f32;
  if (cos.shape.size() == 3 && cos.last() <= shape[3]) shape[3] = cos.last();
  const Shape table = {1, shape[2], shape[3]};
  if (cos.shape != table || sin.shape != table) {
    throw BackendError(
        "kernels: op '" + rope.name + "' needs a table of another shape",
        {"expected  " + to_string(table), "cos       " + to_string(cos.shape), "sin       " + to_string(sin.shape)},
        "check the graph");
  }
  if (held == DType::bf16) {
    role.cos = bf16_input(rope, cos);
    role.sin = bf16_input(rope, sin);
  } else {
    role.cos32 = f32_input(rope, cos);
    role.sin32 = f32_input(rope, sin);
  }
  role.interleaved = is_interleaved(rope);
  yields.tap(first_slot + HeadsTap::kCos, inner_path(rope, "_cos"), held, shape);
  yields.tap(first_slot + HeadsTap::kRotSin, inner_path(rope, "_rot_sin"), held, shape);
}

[[noreturn]] void refuse_second(const Op& op) {
  throw UsageError("op '" + op.name + "' and another one of the same kernel have a kernel fault each", {},
                   "leave one of them out");
}

}  // namespace

void StepRunner::heads_step(const PlanStep& step, Yields& yields) {
  const char* const names[] = {"q", "k", "v"};
  HeadsArgs args{};
  args.tokens = tokens();
  args.head_dim = int(head_dim_of(step.op("q_heads"), value(step.input("q"))));
  args.arithmetic = arithmetic();
  args.position = side_ == nullptr ? nullptr : side_->position.as<int>();
  const int64_t head_dim = args.head_dim;
  for (int i = 0; i < 3; ++i) {
    const std::string name = names[i];
    const int slot = i * HeadsTap::kCount;
    HeadRole& role = args.roles[i];
    const Op& split = step.op(name + "_heads");
    const DeviceValue& x = value(step.input(name));
    if (head_dim_of(split, x) != head_dim)
      throw BackendError(
          "kernels: op '" + split.name + "' has heads of another size than the query",
          {"expected  " + std::to_string(head_dim), "actual    " + std::to_string(head_dim_of(split, x))},
          "check the graph");
    if (x.dtype == DType::f32 && step.find(name + "_norm") != nullptr) {
      role.x32 = x.as<float>();
    } else {
      role.x = bf16_input(split, x);
    }
    role.heads = int(integer(split, "heads"));
    const Shape shape = {1, role.heads, tokens(), head_dim};
    yields.tap(slot + HeadsTap::kHeads, split.outputs.front().path, DType::bf16, shape);
    if (const Op* norm = step.find(name + "_norm")) {
      add_norm(role, yields, slot, weights_, *norm, tokens(), head_dim);
      if (const int lanes = mean_lanes(head_dim, int64_t(tokens()) * role.heads); lanes != 32)
        throw BackendError("numerics torch/sm90: LibTorch's norm of op '" + norm->name + "' takes more lanes than ours",
                           {"lanes  " + std::to_string(lanes)}, "--numerics portable");
    }
    if (const Op* rope = step.find(name + "_rope")) {
      const DeviceValue& cos = value(step.input(name + "_cos"));
      add_rope(role, yields, slot, *rope, cos, value(step.input(name + "_sin")), shape);
      if (args.rotated != 0 && args.rotated != int(cos.last()))
        throw BackendError("kernels: op '" + rope->name + "' turns other channels than the query's rotation",
                           {"channels  " + std::to_string(cos.last()), "query     " + std::to_string(args.rotated)},
                           "run this graph with --backend torch or --backend oracle");
      args.rotated = int(cos.last());
    }
    if (i == 0) {
      role.y = yields.output(step.op("q_rope"), DType::bf16, shape).as<bf16>();
      role.head_stride = int64_t(tokens()) * head_dim;
      role.token_stride = head_dim;
    } else {
      const std::string& path = step.op(name + "_cache").outputs.front().path;
      DeviceValue cache = cache_.extend(path, role.heads, head_dim, tokens());
      role.head_stride = head_dim;
      role.token_stride = role.heads * head_dim;
      role.y = cache.as<bf16>() + (side_ == nullptr ? cache_.length() * role.token_stride : 0);
      yields.output(path, std::move(cache));
    }
  }
  yields.tap(HeadsTap::kCount + HeadsTap::kRotated, step.op("k_rope").outputs.front().path, DType::bf16,
             {1, args.roles[1].heads, tokens(), head_dim});
  run_heads(step, args, yields.record());
}

void StepRunner::run_heads(const PlanStep& step, const HeadsArgs& args, const RecordTap* taps) {
  const std::pair<const char*, int> places[] = {{"q_rope", 0}, {"k_rope", 1}, {"k_cache", 1}, {"v_cache", 2}};
  PlantedDefect planted;
  int role = 0;
  for (const auto& [name, index] : places) {
    const Op& op = step.op(name);
    if (defects_.of(op).defect == Defect::none) continue;
    if (planted.defect != Defect::none) refuse_second(op);
    planted = defects_.of(op);
    role = index;
  }
  // A first step has no row before its own that could be repeated.
  const bool healthy =
      planted.defect == Defect::none || (planted.defect == Defect::cache_stale && step_.first_position == 0);
  if (healthy) return heads(args, taps, settings_.block_threads, stream_);
  faulty_heads(planted, role, args, taps, settings_.block_threads, stream_);
}

PlantedDefect StepRunner::attention_defect(const PlanStep& step) const {
  PlantedDefect planted;
  for (const char* role : {"scores", "mask", "softmax", "context"}) {
    const Op& op = step.op(role);
    if (defects_.of(op).defect == Defect::none) continue;
    if (planted.defect != Defect::none) refuse_second(op);
    planted = defects_.of(op);
  }
  return planted;
}

void StepRunner::attention_step(const PlanStep& step, Yields& yields) {
  for (const char* role : {"scores", "scale", "mask", "softmax", "context"})
    require_contract(step.op(role), {"attention/eager"});
  const DeviceValue &q = value(step.input("q")), &k = value(step.input("k")), &v = value(step.input("v"));
  if (k.shape != v.shape || k.last() != q.last() || !k.by_token || !v.by_token) {
    throw BackendError("kernels: op '" + step.op("scores").name + "' needs query and caches that fit",
                       {"q  " + to_string(q.shape), "k  " + to_string(k.shape), "v  " + to_string(v.shape)},
                       "check the graph");
  }
  const int64_t heads = q.extent(1), keys = side_ == nullptr ? k.extent(2) : side_->positions, head_dim = q.last();
  const Shape scores = {1, heads, tokens(), keys};
  yields.tap(AttentionTap::kRaw, step.op("scores").outputs.front().path, DType::bf16, scores);
  yields.tap(AttentionTap::kScaled, step.op("scale").outputs.front().path, DType::bf16, scores);
  yields.tap(AttentionTap::kProbs32, inner_path(step.op("softmax"), "probs32"), DType::f32, scores);
  yields.tap(AttentionTap::kContext, step.op("context").outputs.front().path, DType::bf16,
             {1, heads, tokens(), head_dim});
  const Op* const cap = step.find("cap");
  if (cap != nullptr) {
    require_contract(*cap, {"softcap/rounded"});
    require_portable(*cap);
    yields.tap(AttentionTap::kQuotient, inner_path(*cap, ".quotient"), DType::bf16, scores);
    yields.tap(AttentionTap::kTanh, inner_path(*cap, ".tanh"), DType::bf16, scores);
    yields.tap(AttentionTap::kCapped, cap->outputs.front().path, DType::bf16, scores);
  }
  const DeviceValue& masked = yields.output(step.op("mask"), DType::bf16, scores);
  const DeviceValue& probs = yields.output(step.op("softmax"), DType::bf16, scores);
  const DeviceValue& merged = yields.output(step.op("merged"), DType::bf16, {1, tokens(), heads * head_dim});
  AttentionArgs args{.q = bf16_input(step.op("scores"), q),
                     .k_cache = bf16_input(step.op("scores"), k),
                     .v_cache = bf16_input(step.op("context"), v),
                     .masked = masked.as<bf16>(),
                     .probs = probs.as<bf16>(),
                     .y = merged.as<bf16>(),
                     .heads = int(heads),
                     .kv_heads = int(k.extent(1)),
                     .tokens = tokens(),
                     .keys = int(keys),
                     .head_dim = int(head_dim),
                     .first_position = int(step_.first_position),
                     .mask_offset = int(integer(step.op("mask"), "offset")),
                     .mask_window = mask_window(step.op("mask")).value_or(0),
                     .scale = float(number(step.op("scale"), "factor")),
                     .modulo_keys = is_modulo(step.op("scores")),
                     .modulo_values = is_modulo(step.op("context")),
                     .arithmetic = arithmetic(),
                     .score_cap = cap == nullptr ? 0.0f : float(number(*cap, "cap"))};
  if (side_ != nullptr) {
    args.position = side_->position.as<int>();
    args.scores_by_keys = side_->scores_by_keys.as<LaneOrder>();
    args.context_by_keys = side_->context_by_keys.as<LaneOrder>();
  } else if (orders_) {
    const AttentionShape shape{heads, head_dim, tokens(), keys};
    args.scores = orders_->scores(shape);
    args.context = orders_->context(shape);
    orders_->require_softmax(keys);
  }
  if (const PlantedDefect planted = attention_defect(step); planted.defect != Defect::none)
    return faulty_attention(planted, args, yields.record(), settings_.block_threads, stream_);
  attention(args, yields.record(), settings_.block_threads, stream_);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
