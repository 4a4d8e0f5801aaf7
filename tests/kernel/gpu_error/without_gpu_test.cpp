// SPDX-License-Identifier: Apache-2.0
// Where no GPU can be seen, whether or not there is one.
#include "kernel/gpu_error/provoke.h"
#include "support/catch.h"

using plumbline::test::provoke;
using plumbline::test::Said;

TEST_CASE("a machine without a GPU says so, with exit 2 and the way out") {
  const Said said = provoke("fine", "CUDA_VISIBLE_DEVICES=");  // hides any that there may be
  INFO(said.text);
  CHECK(said.status == 2);
  CHECK(said.says("kernels: no GPU can be used"));
  CHECK(said.says("this build    CUDA "));
  CHECK(said.says("run with --backend twin"));
}
