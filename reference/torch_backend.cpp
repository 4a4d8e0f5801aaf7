// SPDX-License-Identifier: Apache-2.0
// Walks the op graph, op by op, in execution order; holds parameters, the values still needed, and the caches.
// The arithmetic is in one file per op family, the choice of function in interpreter.cpp.
#include "reference/torch_backend.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/slice.h>
#include <ATen/ops/tensor.h>

#include <deque>
#include <map>
#include <utility>

#include "reference/convert.h"
#include "reference/interpreter.h"
#include "reference/ops.h"
#include "reference/sdpa.h"
#include "reference/settings.h"

#include <plumbline/error.h>

namespace plumbline {
namespace torch_reference {
namespace {

/// An op with all that does not change from step to step.
struct Planned {
  const Op* op;
  OpFunction function;
  std::vector<at::Tensor> parameters;
  std::vector<std::string> last_reads;  ///< taps that no later op reads
  at::Tensor past;
};

class Interpreter final : public TorchBackend {
 public:
  Interpreter(const Model& model, const TorchOptions& options);
  Tensor forward(const Step& step, TapSink& sink) override;
  int64_t next_token(const Step& step) override;
  std::string description() const override { return description_; }
  const OpGraph& graph() const override { return graph_; }

 private:
  using Values = std::map<std::string, at::Tensor, std::less<>>;

  void check_step(const Step& step) const;
  Values begin(const Step& step, TapSink& sink);
  at::Tensor compute(const Step& step, TapSink& sink);
  std::vector<at::Tensor> run(Planned& planned, const Step& step, const Values& values) const;
  at::Tensor parameter(const Model& model, const Op& op, const std::string& name);
  Planned plan(const Op& op);
  void plan_releases();

  OpGraph graph_;
  std::deque<Op> calls_;  // of scaled_dot_product_attention; planned ops point into it
  TorchOptions options_;
  at::Device device_;
  std::map<std::string, at::Tensor> parameters_;
  std::vector<Planned> plan_;
  int64_t vocabulary_ = 0;
  int64_t next_step_ = 0, next_position_ = 0;
  std::string description_;
};

/// What is recorded of a batch. Tables of rotations have one row for all of it, frequencies no such axis.
at::Tensor first_sequence(const at::Tensor& value, const TapSpec& spec) {
  const bool batched = !spec.axes.empty() && spec.axes.front() == "batch";
  return batched ? at::slice(value, 0, 0, 1) : value;
}

at::Device checked_device(const std::string& name) {
  require_torch_device(name);
  return at::Device(name == "cuda" ? at::kCUDA : at::kCPU, static_cast<at::DeviceIndex>(name == "cuda" ? 0 : -1));
}

Interpreter::Interpreter(const Model& model, const TorchOptions& options)
    : graph_(options.sdpa ? with_sdpa(model.graph) : model.graph),
      options_(options),
      device_(checked_device(options.device)),
      vocabulary_(model.config.vocab) {
  if (graph_.ops.empty()) throw BackendError("backend torch: the graph has no op");
  for (const Op& op : graph_.ops) {
    if (options_.sdpa && inside_sdpa(op)) continue;
    Planned planned = plan(op);
    for (const std::string& name : op.parameters) planned.parameters.push_back(parameter(model, op, name));
    plan_.push_back(std::move(planned));
  }
  plan_releases();
  apply_settings(options_.threads);
  description_ = describe_settings(options_.device);
}

Planned Interpreter::plan(const Op& op) {
  if (!options_.sdpa || op.kind != OpKind::attn_context) return {&op, check_op(op), {}, {}, {}};
  calls_.push_back(sdpa_call(graph_, op));
  return {&calls_.back(), sdpa, {}, {}, {}};
}

at::Tensor Interpreter::parameter(const Model& model, const Op& op, const std::string& name) {
  const auto found = model.parameters.find(name);
  if (found == model.parameters.end())
    throw BackendError("backend torch: op '" + op.name + "' needs parameter '" + name + "', which the model lacks");
  auto [entry, fresh] = parameters_.try_emplace(name);
  if (fresh) entry->second = to_torch(found->second, device_);
  return entry->second;
}

void Interpreter::plan_releases() {
  std::map<std::string, size_t> last;
  for (size_t i = 0; i < plan_.size(); ++i)
    for (const std::string& path : plan_[i].op->inputs) last[path] = i;
  for (const auto& [path, index] : last) plan_[index].last_reads.push_back(path);
}

void Interpreter::check_step(const Step& step) const {
  if (step.tokens.empty()) throw InputError("step " + std::to_string(step.index) + " has no tokens");
  const bool restart = step.index == 0 && step.first_position == 0;
  if (!restart && (step.index != next_step_ || step.first_position != next_position_))
    throw InputError(
        "backend torch: the step does not follow the last one",
        {"expected  step " + std::to_string(next_step_) + " at position " + std::to_string(next_position_),
         "given     step " + std::to_string(step.index) + " at position " + std::to_string(step.first_position)},
        "feed the steps in order, or begin anew with step 0 at position 0");
  for (const int64_t id : step.tokens)
    if (id < 0 || id >= vocabulary_)
      throw InputError("token id " + std::to_string(id) + " lies outside the vocabulary of " +
                       std::to_string(vocabulary_) + " (step " + std::to_string(step.index) + ")");
}

/// Announces the step and records the graph's inputs; a first step forgets the caches. The ids are there as often as
/// the batch says, [B,S]: every op that they reach has that axis in front.
Interpreter::Values Interpreter::begin(const Step& step, TapSink& sink) {
  if (step.index == 0)
    for (Planned& planned : plan_) planned.past = at::Tensor();
  sink.begin_step(step);
  const auto count = static_cast<int64_t>(step.tokens.size());
  const at::Tensor tokens = at::tensor(step.tokens, at::kLong);
  const at::Tensor positions =
      at::arange(step.first_position, step.first_position + count, at::TensorOptions().dtype(at::kLong));
  Values values = {{"tokens", tokens.repeat({options_.batch, 1}).to(device_)}, {"positions", positions.to(device_)}};
  for (const std::string& path : graph_.inputs)
    if (sink.wants(path))
      sink.record({path, DType::i64, {"token"}, false}, from_torch(path == "tokens" ? tokens : positions).view());
  return values;
}

std::vector<at::Tensor> Interpreter::run(Planned& planned, const Step& step, const Values& values) const {
  std::vector<at::Tensor> inputs;
  for (const std::string& path : planned.op->inputs) inputs.push_back(values.at(path));
  OpCall call(*planned.op, step, std::move(inputs), planned.parameters, planned.past);
  try {
    planned.function(call);
  } catch (const c10::Error& error) {
    throw BackendError(
        "backend torch: LibTorch failed at op '" + planned.op->name + "' (step " + std::to_string(step.index) + ")",
        {error.what_without_backtrace()}, "");
  }
  return call.outputs();
}

Tensor Interpreter::forward(const Step& step, TapSink& sink) {
  const at::NoGradGuard no_gradients;
  return from_torch(compute(step, sink));
}

int64_t Interpreter::next_token(const Step& step) {
  const at::NoGradGuard no_gradients;
  NullSink nothing;
  const at::Tensor logits = compute(step, nothing);
  return at::argmax(at::slice(logits, -2, -1), -1).item<int64_t>();
}

/// The last op's output, on the device.
at::Tensor Interpreter::compute(const Step& step, TapSink& sink) {
  check_step(step);
  apply_settings(options_.threads);
  Values values = begin(step, sink);
  at::Tensor last;
  for (Planned& planned : plan_) {
    const std::vector<at::Tensor> outputs = run(planned, step, values);
    for (size_t i = 0; i < outputs.size(); ++i) {
      const TapSpec& spec = planned.op->outputs[i];
      if (sink.wants(spec.path)) sink.record(spec, from_torch(first_sequence(outputs[i], spec)).view());
      if (!spec.inner) values[spec.path] = outputs[i];
    }
    for (const std::string& path : planned.last_reads) values.erase(path);
    last = first_sequence(outputs.front(), planned.op->outputs.front());
  }
  next_step_ = step.index + 1;
  next_position_ = step.first_position + static_cast<int64_t>(step.tokens.size());
  return last;
}

}  // namespace
}  // namespace torch_reference

std::unique_ptr<TorchBackend> make_torch_backend(const Model& model, const TorchOptions& options) {
  try {
    return std::make_unique<torch_reference::Interpreter>(model, options);
  } catch (const c10::Error& error) {
    throw BackendError("backend torch: LibTorch could not take the model", {error.what_without_backtrace()}, "");
  }
}

}  // namespace plumbline
