// SPDX-License-Identifier: Apache-2.0
// The three functions behind LibTorch's table of rotations, bit for bit: pow on the CPU, where transformers makes the
// frequencies, cos and sin on a GPU. Invariant: f32 operations with every rounding written out; no libm but fma.
// NUMERICS CONTRACT powf/sleef, cosf/cuda, sinf/cuda
//   types    f32 in and out; powf in pairs of f32; one f64 product in cosf, sinf from |x| = 105615
//   order    powf: A1 log x = e log 2 + 2 artanh((m - 1) / (m + 1)), 0.75 <= m < 1.5   A2 times y
//            A3 exp by a polynomial of degree 5 about a multiple of log 2
//            cosf, sinf: A4 x - q pi/2, pi/2 in three parts (from 105615: 2/pi in 192 bits)   A5 polynomial, by
//            quadrant
//   rounding one for each +, * and fma written here; R1 the result of powf: the sum of its pair
//   special  powf: positive finite x only, as a theta is. cosf, sinf: NaN and Inf give 0x7FFFFFFF
//   repeat   powf: LibTorch on x86-64 with AVX2 and FMA or AVX-512. cosf, sinf: CUDA 13.0
//   source   powf: SLEEF's 1.0-ulp pow (src/libm/sleefsimdsp.c xpowf, logkf, expkf; src/common/df.h). cosf, sinf: PTX
//   as
//            nvcc 13.0 emits it, without fast math
//   checked  tests/reference/rope_functions_test.cpp (powf against at::pow), tests/litmus/special_unit_test.cpp
//            (cosf, sinf: digests of all 2^32 inputs, recorded on an H200)
#pragma once

namespace plumbline {

/// x^y for 0 < x < Inf.
float torch_cpu_pow(float x, float y);
float cuda_cos(float x);
float cuda_sin(float x);

}  // namespace plumbline
