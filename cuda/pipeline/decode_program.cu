// SPDX-License-Identifier: Apache-2.0
// Invariant: decode_program.h.
#include "cuda/pipeline/decode_program.h"

#include <functional>
#include <span>

#include "cuda/attention/attention.h"
#include "cuda/pipeline/step_runner.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

/// The orders of `order` for every number of keys up to `most`; past what is known, where no step gets to, a chain.
DeviceBuffer order_table(int64_t most, const std::string& name, const std::function<LaneOrder(int64_t)>& order) {
  std::vector<LaneOrder> orders(size_t(most + 1));
  for (int64_t keys = 1; keys <= most && keys <= TorchOrders::kMostKeys; ++keys) orders[size_t(keys)] = order(keys);
  const std::span<const std::byte> bytes = std::as_bytes(std::span(orders));
  DeviceBuffer table(bytes.size(), name);
  table.copy_from_host(bytes);
  return table;
}

template <class T>
void upload(DeviceBuffer& buffer, const T& value) {
  buffer.copy_from_host(std::as_bytes(std::span(&value, 1)));
}

std::vector<bool> wanted_taps(const OpGraph& graph, const TapSink& sink) {
  std::vector<bool> wanted;
  for (const Op& op : graph.ops)
    for (const TapSpec& spec : op.outputs) wanted.push_back(sink.wants(spec.path));
  return wanted;
}

}  // namespace

bool can_record(int64_t head_dim, int64_t capacity) { return attention_takes_position(int(head_dim), int(capacity)); }

DecodeProgram::DecodeProgram(const DecodeParts& parts, TapSink& sink)
    : parts_(parts),
      generation_(parts.cache.generation()),
      wanted_(wanted_taps(parts.graph, sink)),
      side_(parts.cache.capacity()),
      candidates_(kGreedyBlocks * sizeof(Candidate), "candidates"),
      history_(size_t(side_.positions + 1) * sizeof(int64_t), "chosen tokens"),
      taps_(parts.capture, side_.positions) {
  if (parts.orders) {
    const auto shape = [&](int64_t keys) { return AttentionShape{parts.heads, parts.head_dim, 1, keys}; };
    side_.scores_by_keys = order_table(side_.positions, "orders of scores",
                                       [&](int64_t keys) { return parts.orders->scores(shape(keys)); });
    side_.context_by_keys = order_table(side_.positions, "orders of contexts",
                                        [&](int64_t keys) { return parts.orders->context(shape(keys)); });
  }
  place(0, parts.cache.length());
  graph_.emplace([&](Stream stream) { launches(stream, sink); });
  taps_.lay_out(side_.logits);
}

void DecodeProgram::launches(Stream stream, TapSink& sink) {
  KernelOptions unchecked = parts_.options;
  unchecked.checked = false;
  const Step step{0, parts_.cache.length(), {0}};
  StepRunner(parts_.weights, parts_.cache, unchecked, parts_.defects, parts_.orders, step,
             Outlets{sink, parts_.capture, nullptr, &taps_}, stream, &side_)
      .record(parts_.plan);
  plumbline::PLUMBLINE_BUILD_NS::greedy({.logits = side_.logits.as<bf16>(),
                                         .count = int(side_.logits.last()),
                                         .candidates = candidates_.as<Candidate>(),
                                         .token = side_.token.as<int64_t>(),
                                         .position = side_.position.as<int>(),
                                         .history = history_.as<int64_t>()},
                                        stream);
}

void DecodeProgram::place(int64_t token, int64_t position) {
  upload(side_.token, token);
  upload(side_.position, int(position));
}

bool DecodeProgram::records_for(const TapSink& sink) const {
  size_t tap = 0;
  for (const Op& op : parts_.graph.ops) {
    for (const TapSpec& spec : op.outputs) {
      if (sink.wants(spec.path) != wanted_[tap++]) return false;
    }
  }
  return true;
}

void DecodeProgram::start(int64_t token, int64_t position, Stream stream) {
  place(token, position);
  taps_.hold_back(stream);
  graph_->replay(stream);
  taps_.collect(position + 1, stream);
}

Tensor DecodeProgram::finish(int64_t position, Stream stream, TapSink& sink) {
  const bool few = taps_.reduces();  // bytes: their copy holds nobody up, and the GPU works meanwhile
  if (few) taps_.hand_out(position + 1, sink);
  synchronize(stream);
  Tensor logits = side_.logits.to_host(false);  // before many: one engine copies both, and these are waited for
  taps_.poison_output(stream);
  if (!few) taps_.hand_out(position + 1, sink);
  if (parts_.options.checked && !looked_) look_at_fences(stream);
  return logits;
}

void DecodeProgram::look_at_fences(Stream stream) {
  FenceWatch fences;
  fences.begin();
  for (const DeviceValue& value : side_.kept) fences.add(*value.buffer, stream);
  taps_.add_fences(fences, stream);
  fences.look(stream);
  fences.require_intact(stream);
  looked_ = true;
}

std::vector<int64_t> DecodeProgram::greedy(int64_t token, int64_t position, int64_t count, Stream stream) {
  place(token, position);
  for (int64_t i = 0; i < count; ++i) graph_->replay(stream);
  synchronize(stream);
  std::vector<int64_t> chosen(static_cast<size_t>(count));
  history_.copy_to_host(std::as_writable_bytes(std::span(chosen)), size_t(position + 1) * sizeof(int64_t));
  return chosen;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
