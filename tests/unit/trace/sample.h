// SPDX-License-Identifier: Apache-2.0
// A small trace that holds every number format, every rank, empty tensors and the bit patterns that a conversion would
// spoil. Invariant: always the same bytes.
#pragma once
#include <string>
#include <vector>

#include <plumbline/trace.h>

namespace plumbline::test {

struct SampleTap {
  TapSpec spec;
  Tensor tensor;
};

TraceHeader sample_header();
/// The taps of one step; the same paths in every step, other numbers.
std::vector<SampleTap> sample_taps(int64_t step);
Step sample_step(int64_t step);
/// Steps 0, 1 and 3.
void write_sample(const std::filesystem::path& file);

/// A tensor of `dtype` whose bytes are given by a fixed generator.
Tensor random_bits(DType dtype, Shape shape, uint64_t seed);
std::string bytes_of(const Tensor& tensor);

}  // namespace plumbline::test
