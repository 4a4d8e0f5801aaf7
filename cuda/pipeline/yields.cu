// SPDX-License-Identifier: Apache-2.0
// Invariant: yields.h.
#include "cuda/pipeline/yields.h"

#include <plumbline/error.h>

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

void require_format(const TapSpec& spec, DType yielded) {
  if (spec.dtype == yielded) return;
  throw BackendError(
      "kernels: tap '" + spec.path + "' is held in another format than the graph declares",
      {"declared  " + std::string(dtype_name(spec.dtype)), "kernel    " + std::string(dtype_name(yielded))},
      "run this graph with --backend torch or --backend oracle");
}

}  // namespace

std::string inner_path(const Op& op, std::string_view suffix) {
  for (const TapSpec& output : op.outputs) {
    if (output.inner && output.path.ends_with(suffix)) return output.path;
  }
  return {};
}

const DeviceValue& Yields::output(const Op& op, DType dtype, Shape shape) {
  const std::string& path = op.outputs.front().path;
  return outputs_[path] = DeviceValue::allocate(path, dtype, std::move(shape), &fills_);
}

void Yields::output(const std::string& path, DeviceValue value) { outputs_[path] = std::move(value); }

const DeviceValue& Yields::scratch(const std::string& name, DType dtype, const Shape& shape) {
  return taps_[name] = DeviceValue::allocate(name, dtype, shape, &fills_);
}

void Yields::tap(int slot, const std::string& path, DType dtype, const Shape& shape) {
  if (path.empty() || !outlets_.sink.wants(path)) return;
  const DeviceValue& value = taps_[path] = DeviceValue::allocate(path, dtype, shape, &fills_);
  record_.slots[slot] = value.as<void>();
  any_slot_ = true;
}

void Yields::host(const std::string& path, Tensor tensor, bool by_position) {
  if (path.empty() || !outlets_.sink.wants(path)) return;
  if (outlets_.recorded == nullptr) {
    host_[path] = std::move(tensor);
    return;
  }
  DeviceValue& value = taps_[path] = DeviceValue::upload(path, tensor.view());
  value.constant = true;
  value.by_position = by_position;
  if (by_position) value.shape.at(1) = 1;
}

void Yields::hand_out(const TapSpec& spec) const {
  if (const auto found = host_.find(spec.path); found != host_.end()) {
    require_format(spec, found->second.dtype());
    return outlets_.capture.add(spec, found->second.view(), outlets_.sink);
  }
  auto found = outputs_.find(spec.path);
  if (found == outputs_.end()) {
    found = taps_.find(spec.path);
    if (found == taps_.end()) {
      throw BackendError("kernels: no kernel yields tap '" + spec.path + "'", {},
                         "leave it out with --taps, or run with --backend torch");
    }
  }
  require_format(spec, found->second.dtype);
  if (outlets_.recorded != nullptr) return outlets_.recorded->add(spec, found->second);
  outlets_.capture.add(spec, found->second, stream_, outlets_.sink);
}

void Yields::look_at_fences() const {
  for (const Environment* values : {&outputs_, &taps_}) {
    for (const auto& [path, value] : *values) outlets_.fences->add(*value.buffer, stream_);
  }
  outlets_.fences->look(stream_);
}

void Yields::finish(Environment& environment) {
  if (!fills_.empty())
    throw BackendError("kernels: op '" + step_.window.front()->name + "' ran before its memory was poisoned", {},
                       "this is a defect of the pipeline: the step must begin() before it launches");
  if (outlets_.fences != nullptr) look_at_fences();
  for (const Op* op : step_.window) {
    for (const TapSpec& spec : op->outputs) {
      if (outlets_.sink.wants(spec.path)) hand_out(spec);
    }
  }
  outlets_.capture.hand_out_many(outlets_.sink);
  environment.merge(outputs_);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
