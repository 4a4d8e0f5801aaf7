// SPDX-License-Identifier: Apache-2.0
// Invariant: device_value.h.
#include "cuda/pipeline/device_value.h"

#include <cstring>

#include <plumbline/error.h>

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

/// [tokens, heads, row] -> [heads, tokens, row], `row` in bytes.
void by_head(const std::byte* source, int64_t tokens, int64_t heads, size_t row, std::byte* target) {
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t token = 0; token < tokens; ++token) {
      std::memcpy(target + size_t(head * tokens + token) * row, source + size_t(token * heads + head) * row, row);
    }
  }
}

/// A whole 32-bit word of poison at an aligned place: no operation of ours yields that NaN.
void check_written(const std::string& name, const Tensor& tensor) {
  for (size_t at = 0; at + sizeof(uint32_t) <= tensor.byte_size(); at += sizeof(uint32_t)) {
    uint32_t word;
    std::memcpy(&word, tensor.data() + at, sizeof word);
    if (word != kPoisonA) continue;
    throw BackendError("kernels: part of '" + name + "' was never written",
                       {"first at byte " + std::to_string(at) + " of " + std::to_string(tensor.byte_size())},
                       "this is a defect of the kernel that yields it: report it with the model's shapes");
  }
}

}  // namespace

DeviceValue DeviceValue::allocate(const std::string& path, DType dtype, Shape shape) {
  DeviceValue value;
  value.dtype = dtype;
  value.shape = std::move(shape);
  value.buffer = std::make_shared<DeviceBuffer>(size_t(element_count(value.shape)) * element_bytes(dtype), path);
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
  const std::span<std::byte> bytes(host.mutable_data(), host.byte_size());
  buffer->copy_to_host(bytes);
  if (checked) check_written(buffer->name(), host);
  if (!by_token) return host;
  Tensor ordered(dtype, shape);
  by_head(host.data(), extent(2), extent(1), size_t(last()) * element_bytes(dtype), ordered.mutable_data());
  return ordered;
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
