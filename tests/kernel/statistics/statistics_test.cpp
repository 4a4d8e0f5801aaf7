// SPDX-License-Identifier: Apache-2.0
// The kernel gives the bits of the host, whatever the values, counts and taps of one launch; and the host those of a
// plain count.
#include "cuda/statistics/statistics.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "cuda/common/memory.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

using twin::DeviceBuffer;
using twin::StatisticsArgs;

Tensor random_values(DType dtype, int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) {
    value = std::ldexp(normal(random), static_cast<int>(random() % 60) - 30);
    if (random() % 500 == 0) value = std::numeric_limits<double>::quiet_NaN();
    if (random() % 500 == 0) value = -std::numeric_limits<double>::infinity();
    if (random() % 100 == 0) value = random() % 2 == 0 ? 0.0 : -0.0;
  }
  return Tensor::from_values(dtype, {count}, values);
}

std::vector<PartialStatistics> by_kernel(const std::vector<Tensor>& taps) {
  StatisticsArgs args{};
  std::vector<DeviceBuffer> buffers;
  for (const Tensor& tap : taps) {
    buffers.emplace_back(tap.byte_size(), "values").copy_from_host(tap.view().bytes());
    args.values[args.taps] = buffers.back().as<void>();
    args.counts[args.taps] = tap.count();
    args.is_f32[args.taps] = tap.dtype() == DType::f32;
    args.first_chunk[args.taps + 1] = args.first_chunk[args.taps] + statistics_chunks(tap.count());
    ++args.taps;
  }
  std::vector<PartialStatistics> partials(static_cast<size_t>(args.first_chunk[args.taps]));
  DeviceBuffer out(partials.size() * sizeof partials[0], "partials");
  args.partials = out.as<PartialStatistics>();
  statistics(args, {});
  out.check_fences();
  out.copy_to_host(std::as_writable_bytes(std::span(partials)));
  return partials;
}

bool same_bits(const PartialStatistics& a, const PartialStatistics& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

TEST_CASE("the kernel's statistics have the bits of the host's, chunk by chunk", "[kernel]") {
  std::vector<Tensor> taps;
  for (const int64_t count : {1, 2, 31, 127, 128, 129, 4097, 8191, 8192, 8193, 20001}) {
    taps.push_back(random_values(DType::bf16, count, static_cast<unsigned>(count)));
    taps.push_back(random_values(DType::f32, count, static_cast<unsigned>(count) + 7));
  }
  const std::vector<PartialStatistics> actual = by_kernel(taps);
  size_t at = 0;
  for (const Tensor& tap : taps)
    for (int64_t chunk = 0; chunk < statistics_chunks(tap.count()); ++chunk, ++at) {
      INFO(tap.count() << " values, chunk " << chunk);
      CHECK(same_bits(actual[at], partial_statistics(tap.view(), chunk)));
    }
  CHECK(at == actual.size());
}

TEST_CASE("statistics count, bound and average what is finite", "[kernel]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto of = [](const std::vector<double>& values) {
    return to_values(
        statistics_of(Tensor::from_values(DType::f32, {static_cast<int64_t>(values.size())}, values).view()).view());
  };
  CHECK(of({3, -4, nan, inf, -inf}) == std::vector<double>{5, -4, 3, std::sqrt(12.5), 1, 2});
  CHECK(of({2}) == std::vector<double>{1, 2, 2, 2, 0, 0});
  for (const std::vector<double>& none : {std::vector<double>{}, std::vector<double>{nan, inf}}) {
    const std::vector<double> said = of(none);
    CHECK(said[0] == static_cast<double>(none.size()));
    for (const size_t i : {1, 2, 3}) CHECK(std::isnan(said[i]));
  }
  const std::vector<double> many = of(std::vector<double>(30000, 1.5));
  CHECK(many[3] == 1.5);
  const std::vector<double> tokens =
      to_values(statistics_of(Tensor::from_values(DType::i64, {3}, std::vector<double>{1, 2, 9}).view()).view());
  CHECK(tokens[2] == 9);
}

TEST_CASE("poison is told from a NaN that was computed", "[kernel]") {
  Tensor halves(DType::bf16, {8}), words(DType::f32, {8});
  std::memset(halves.mutable_data(), 0, halves.byte_size());
  std::memset(words.mutable_data(), 0, words.byte_size());
  CHECK(by_kernel({halves, words})[0].unwritten == 0);
  const uint32_t poison = twin::kPoisonA;
  std::memcpy(halves.mutable_data() + 2, &poison, 4);  // over two words: of neither the whole
  std::memcpy(words.mutable_data() + 4, &poison, 4);
  std::vector<PartialStatistics> said = by_kernel({halves, words});
  CHECK(said[0].unwritten == 0);
  CHECK(said[0].nans == 2);
  CHECK(said[1].unwritten == 1);
  std::memcpy(halves.mutable_data() + 12, &poison, 4);
  CHECK(by_kernel({halves})[0].unwritten == 1);
}

}  // namespace plumbline::test
