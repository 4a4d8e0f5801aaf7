// SPDX-License-Identifier: Apache-2.0
#include "oracle/oracle.h"

namespace plumbline {

Array to_array(const TensorView& tensor) { return {tensor.shape, to_values(tensor)}; }

}  // namespace plumbline
