// SPDX-License-Identifier: Apache-2.0
#include "unit/diagnose/mistaken_run.h"

namespace plumbline::test {

Trace mistaken_run(const Bench& bench, const std::string& name, const std::string& tap, const Instead& instead,
                   int64_t tokens) {
  Seen seen;
  Bench::Run run{text_tokens(tokens)};
  run.edit = [&](TapSpec& spec, Tensor& tensor) {
    std::vector<double> values = to_values(tensor.view());
    if (spec.path == tap) {
      values = instead(seen, values);
      tensor = Tensor::from_values(tensor.dtype(), tensor.shape(), values);
    }
    seen[spec.path] = std::move(values);
  };
  return bench.record(name, run);
}

}  // namespace plumbline::test
