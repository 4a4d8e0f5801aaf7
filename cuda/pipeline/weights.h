// SPDX-License-Identifier: Apache-2.0
// A model's parameters in device memory, uploaded once. Invariant: the bytes are those of the model; only what the
// graph names is here, and all of it is bf16. Left to others: loading and faults (src/model).
#pragma once
#include <map>
#include <string>

#include <plumbline/model.h>

#include "cuda/pipeline/device_value.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

class Weights {
 public:
  /// Throws BackendError for a parameter that is absent or not bf16.
  Weights(const OpGraph& graph, const Parameters& parameters);

  /// Parameter `index` of the op. Throws BackendError naming op and parameter unless its shape is `expected`.
  const bf16* get(const Op& op, size_t index, const Shape& expected) const;
  /// The same, or null if the op has no such parameter (a bias).
  const bf16* optional(const Op& op, size_t index, const Shape& expected) const;
  /// Shape of parameter `index`. Throws BackendError if the op has none.
  const Shape& shape(const Op& op, size_t index) const;

 private:
  const DeviceValue& find(const Op& op, size_t index) const;

  std::map<std::string, DeviceValue> values_;
};

}  // namespace plumbline::PLUMBLINE_BUILD_NS
