// SPDX-License-Identifier: Apache-2.0
// Our tensors and formats as LibTorch's, and back. Invariant: bytes and formats never change on the way.
#pragma once
#include <ATen/core/Tensor.h>

#include <plumbline/tensor.h>

namespace plumbline::torch_reference {

/// Throws BackendError for a format that LibTorch lacks (u16, u32, u64).
at::ScalarType scalar_type(DType dtype);
/// Throws BackendError for a type that our traces lack (complex, quantised).
DType dtype_of(at::ScalarType type);
/// On `device`. On the CPU the bytes are shared if they are aligned to 64 bytes (some CPU kernels choose their path by
/// alignment, and transformers' weights are aligned), else copied.
at::Tensor to_torch(const Tensor& tensor, const at::Device& device);
/// On the CPU, row-major; shares the bytes with `tensor` where it can.
Tensor from_torch(const at::Tensor& tensor);

}  // namespace plumbline::torch_reference
