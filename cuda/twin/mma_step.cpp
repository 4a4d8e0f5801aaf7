// SPDX-License-Identifier: Apache-2.0
// Chooses the tensor-core step at run time: results are the same bits, only the speed differs.
#include "cuda/twin/mma_step.h"

namespace plumbline::twin {

void mma_step_lanes(MmaTile& tile);
#if defined(PLUMBLINE_TWIN_X86)
void mma_step_lanes_v3(MmaTile& tile);
void mma_step_lanes_v4(MmaTile& tile);
#endif

namespace {

struct Variants {
  MmaVariant list[4];
  int count = 0;

  Variants() {
    list[count++] = {"scalar", mma_step_scalar};
    list[count++] = {"lanes", mma_step_lanes};
#if defined(PLUMBLINE_TWIN_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v3")) list[count++] = {"lanes, x86-64-v3", mma_step_lanes_v3};
    if (__builtin_cpu_supports("x86-64-v4")) list[count++] = {"lanes, x86-64-v4", mma_step_lanes_v4};
#endif
  }
};

const Variants& variants() {
  static const Variants all;
  return all;
}

}  // namespace

const MmaVariant* mma_variants(int& count) {
  count = variants().count;
  return variants().list;
}

void mma_step(MmaTile& tile) {
  static const MmaStep fastest = variants().list[variants().count - 1].step;
  fastest(tile);
}

}  // namespace plumbline::twin
