// SPDX-License-Identifier: Apache-2.0
// Invariant: device_value.h.
#include "cuda/pipeline/device_value.h"

#include <cstring>

#include <plumbline/error.h>

namespace plumbline::PLUMBLINE_BUILD_NS {

void fail_unwritten(const std::string& name, const std::vector<std::string>& details) {
  throw BackendError("kernels: part of '" + name + "' was never written", details,
                     "this is a defect of the kernel that yields it: report it with the model's shapes");
}

// A whole 32-bit word of poison at an aligned place: no operation of ours yields that NaN.
void require_written(const std::string& name, std::span<const std::byte> bytes) {
  for (size_t at = 0; at + sizeof(uint32_t) <= bytes.size(); at += sizeof(uint32_t)) {
    uint32_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if (word != kPoisonA) continue;
    fail_unwritten(name, {"first at byte " + std::to_string(at) + " of " + std::to_string(bytes.size())});
  }
}

Tensor tokens_to_heads(const TensorView& values) {
  const int64_t heads = values.shape.at(1), tokens = values.shape.at(2);
  const size_t row = size_t(values.shape.back()) * element_bytes(values.dtype);
  Tensor ordered(values.dtype, values.shape);
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t token = 0; token < tokens; ++token) {
      std::memcpy(ordered.mutable_data() + size_t(head * tokens + token) * row,
                  values.data + size_t(token * heads + head) * row, row);
    }
  }
  return ordered;
}

DeviceValue DeviceValue::allocate(const std::string& path, DType dtype, Shape shape, FillBatch* later) {
  DeviceValue value;
  value.dtype = dtype;
  value.shape = std::move(shape);
  value.buffer = std::make_shared<DeviceBuffer>(size_t(element_count(value.shape)) * element_bytes(dtype), path, later);
  return value;
}

DeviceValue DeviceValue::upload(const std::string& path, const TensorView& tensor) {
  DeviceValue value = allocate(path, tensor.dtype, tensor.shape);
  value.buffer->copy_from_host(tensor.bytes());
  return value;
}

Tensor DeviceValue::to_host(bool checked) const {
  if (checked) buffer->check_fences();
  Tensor host(dtype, shape);
  buffer->copy_to_host({host.mutable_data(), host.byte_size()});
  if (checked) require_written(buffer->name(), host.view().bytes());
  return by_token ? tokens_to_heads(host.view()) : host;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
