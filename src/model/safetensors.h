// SPDX-License-Identifier: Apache-2.0
// The safetensors format, read without trust: 8 bytes of header length, a JSON header, then the data.
// Invariant: every tensor of an opened file lies inside it, has exactly the bytes that its shape and dtype need, and
// shares none of them; the tensors together cover the data without gaps.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include <plumbline/tensor.h>

#include "model/mapped_file.h"

namespace plumbline {

class SafetensorsFile {
 public:
  /// Maps and checks the file. Throws CheckpointError naming file, tensor and both values.
  static SafetensorsFile open(const std::filesystem::path& file);

  /// By name. The tensors borrow from the mapping and keep it alive; their bytes may be unaligned.
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  std::span<const std::byte> file_bytes() const { return mapping_->bytes(); }
  const MappedFile& mapping() const { return *mapping_; }

 private:
  std::shared_ptr<const MappedFile> mapping_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace plumbline
