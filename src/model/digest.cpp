// SPDX-License-Identifier: Apache-2.0
// One digest per parameter: over its dtype, its shape and the digest of its bytes, so that a reshaped or recast buffer
// of the same bytes counts as another parameter.
#include <string>

#include <plumbline/model.h>

#include "core/hash.h"

namespace plumbline {

std::string digest(const TensorView& tensor) {
  const std::string identity =
      std::string(dtype_name(tensor.dtype)) + " " + to_string(tensor.shape) + " " + xxh3_128_hex(tensor.bytes());
  return xxh3_128_hex(std::as_bytes(std::span(identity)));
}

}  // namespace plumbline
