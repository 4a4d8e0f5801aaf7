// SPDX-License-Identifier: Apache-2.0
// Tensors in the safetensors format. Invariant: data begin at a multiple of 8 bytes, in the order given, without gaps.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include <plumbline/tensor.h>

namespace plumbline {

/// What a header says of one tensor.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
};

/// Length and JSON, padded with blanks to a multiple of 8 bytes; the tensors' bytes follow in the same order.
std::string safetensors_header(const std::vector<SafetensorsEntry>& entries);

/// A whole file in memory.
std::string safetensors_bytes(const std::vector<std::pair<std::string, Tensor>>& tensors);

}  // namespace plumbline
