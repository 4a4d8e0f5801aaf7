// SPDX-License-Identifier: Apache-2.0
// A table of formats and two hand-overs of bytes.
#include "reference/convert.h"

#include <ATen/ops/from_blob.h>

#include <array>
#include <memory>
#include <utility>

#include <plumbline/error.h>

namespace plumbline::torch_reference {
namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 12> kFormats = {{
    {DType::f64, at::kDouble},
    {DType::f32, at::kFloat},
    {DType::f16, at::kHalf},
    {DType::bf16, at::kBFloat16},
    {DType::f8_e4m3fn, at::kFloat8_e4m3fn},
    {DType::f8_e5m2, at::kFloat8_e5m2},
    {DType::i64, at::kLong},
    {DType::i32, at::kInt},
    {DType::i16, at::kShort},
    {DType::i8, at::kChar},
    {DType::u8, at::kByte},
    {DType::boolean, at::kBool},
}};
constexpr uintptr_t kAlignmentBytes = 64;

}  // namespace

at::ScalarType scalar_type(DType dtype) {
  for (const auto& [ours, theirs] : kFormats)
    if (ours == dtype) return theirs;
  throw BackendError("backend torch: LibTorch has no format '" + std::string(dtype_name(dtype)) + "'");
}

DType dtype_of(at::ScalarType type) {
  for (const auto& [ours, theirs] : kFormats)
    if (theirs == type) return ours;
  throw BackendError(std::string("backend torch: no trace format for LibTorch's '") + c10::toString(type) + "'");
}

at::Tensor to_torch(const Tensor& tensor, const at::Device& device) {
  auto owner = std::make_shared<Tensor>(tensor);
  // from_blob wants a writable pointer; parameters are only ever read.
  void* bytes = const_cast<std::byte*>(owner->data());
  const at::Tensor shared = at::from_blob(
      bytes, tensor.shape(), [owner](void*) {}, at::TensorOptions().dtype(scalar_type(tensor.dtype())));
  if (!device.is_cpu()) return shared.to(device);
  return reinterpret_cast<uintptr_t>(bytes) % kAlignmentBytes == 0 ? shared : shared.clone();
}

Tensor from_torch(const at::Tensor& tensor) {
  auto held = std::make_shared<at::Tensor>(tensor.to(at::kCPU).contiguous());
  const TensorView view{dtype_of(held->scalar_type()), held->sizes().vec(),
                        static_cast<const std::byte*>(held->const_data_ptr())};
  return Tensor::borrow(view, std::move(held));
}

}  // namespace plumbline::torch_reference
