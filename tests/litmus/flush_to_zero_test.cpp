// SPDX-License-Identifier: Apache-2.0
// Rule: subnormals are computed with, not flushed, as a GPU does with -ftz=false; whatever floating-point mode the host
// program has set (a library may have switched flushing or another rounding on) does not reach a kernel.
#include <cfenv>

#include "support/catch.h"
#include "tests/litmus/litmus_kernels.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using plumbline::litmus::Binary;
using plumbline::litmus::Words;
using plumbline::twin::litmus::binary;

namespace {

// 2^-126 * 2^-1 is subnormal; the float nearest to 1/3 lies above it, so truncation would give 0x3EAAAAAA.
void check_kernel_arithmetic() {
  CHECK(binary(Binary::multiply, Words{0x00800000u}, Words{0x3F000000u})[0] == 0x00400000u);
  CHECK(binary(Binary::add, Words{0x00000001u}, Words{0x00000001u})[0] == 0x00000002u);
  CHECK(binary(Binary::divide, Words{0x3F800000u}, Words{0x40400000u})[0] == 0x3EAAAAABu);
}

}  // namespace

TEST_CASE("subnormals are kept") { check_kernel_arithmetic(); }

TEST_CASE("a rounding mode of the host does not reach a kernel, and is given back") {
  std::fesetround(FE_TOWARDZERO);
  check_kernel_arithmetic();
  CHECK(std::fegetround() == FE_TOWARDZERO);
  std::fesetround(FE_TONEAREST);
}

#if defined(__x86_64__)
TEST_CASE("flushing switched on by the host does not reach a kernel, and is given back") {
  constexpr unsigned kFlush = 0x8040;  // FTZ and DAZ
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | kFlush);
  const uint32_t product = binary(Binary::multiply, Words{0x00800000u}, Words{0x3F000000u})[0];
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  CHECK(product == 0x00400000u);
  CHECK((after & kFlush) == kFlush);
}
#endif
