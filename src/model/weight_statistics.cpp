// SPDX-License-Identifier: Apache-2.0
#include "model/weight_statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <numeric>

#include <plumbline/error.h>

#include "core/hash.h"

namespace plumbline {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr uint32_t kSign = 0x8000, kMagnitude = 0x7FFF;
constexpr int64_t kMostInTables = int64_t{1} << 31;  // before a 32-bit counter could overflow

uint32_t load32(const std::byte* from) {
  uint32_t bits = 0;
  std::memcpy(&bits, from, sizeof bits);
  return bits;
}

// Two tables of counters, so that two equal values beside each other do not wait for one counter to be stored.
void count16(std::span<const std::byte> bytes, uint32_t* even) {
  uint32_t* const odd = even + kPatterns;
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  for (; end - at >= 8; at += 8) {
    uint64_t four = 0;
    std::memcpy(&four, at, sizeof four);
    ++even[four & 0xFFFF];
    ++odd[(four >> 16) & 0xFFFF];
    ++even[(four >> 32) & 0xFFFF];
    ++odd[four >> 48];
  }
  for (; at != end; at += 2) {
    uint16_t one = 0;
    std::memcpy(&one, at, sizeof one);
    ++even[one];
  }
}

void count_upper(std::span<const std::byte> bytes, uint32_t* even) {
  uint32_t* const odd = even + kPatterns;
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  for (; end - at >= 8; at += 8) {
    ++even[load32(at) >> 16];
    ++odd[load32(at + 4) >> 16];
  }
  if (at != end) ++even[load32(at) >> 16];
}

double pattern_value(DType dtype, uint32_t pattern) {
  if (dtype != DType::f16) return std::bit_cast<float>(pattern << 16);
  const auto bits = static_cast<uint16_t>(pattern);
  std::byte bytes[2];
  std::memcpy(bytes, &bits, sizeof bits);
  return decode(DType::f16, bytes);
}

/// The number of finite patterns of one sign; those from here on are infinity and NaN.
uint32_t finite_patterns(DType dtype) { return dtype == DType::f16 ? 0x7C00 : 0x7F80; }

template <class Count>
PatternCounts present(DType dtype, const Count& count_of) {
  PatternCounts counts;
  const auto note = [&](uint32_t pattern) {
    if (const uint64_t count = count_of(pattern)) counts.push_back({static_cast<uint16_t>(pattern), count});
  };
  const uint32_t finite = finite_patterns(dtype);
  for (uint32_t i = finite; i-- > 0;) note(i | kSign);
  for (uint32_t i = 0; i < finite; ++i) note(i);
  return counts;
}

/// Whether what lies in the two bins of the least magnitudes is zero; of f32 they hold the smallest subnormals as well.
bool least_bins_hold_zeros(const WeightStatistics& statistics, const PatternCounts& counts) {
  uint64_t in_bins = 0;
  for (const PatternCount& one : counts) in_bins += (one.pattern & kMagnitude) == 0 ? one.count : 0;
  return in_bins == static_cast<uint64_t>(statistics.zeros);
}

/// What a pattern stands for: itself, or (f32) all values with that upper half that the tensor can hold.
Known pattern_known(DType dtype, uint32_t pattern, double least, double largest, bool only_zeros) {
  if (only_zeros && (pattern & kMagnitude) == 0) return {0.0, 0.0};
  if (dtype != DType::f32) return {pattern_value(dtype, pattern) + 0.0, 0.0};  // + 0.0: no -0
  double near = std::bit_cast<float>(pattern << 16), far = std::bit_cast<float>((pattern << 16) | 0xFFFF);
  near = std::clamp(near, least, largest);
  far = std::clamp(far, least, largest);
  return {(near + far) / 2 + 0.0, std::abs(far - near) / 2};
}

uint64_t middle_rank(const WeightStatistics& statistics) {
  return static_cast<uint64_t>(statistics.moments.count - 1) / 2;
}

Known median_of(DType dtype, const WeightStatistics& statistics, const PatternCounts& counts) {
  uint64_t before = 0;
  for (const PatternCount& one : counts) {
    before += one.count;
    if (middle_rank(statistics) < before)
      return pattern_known(dtype, one.pattern, statistics.least, statistics.largest,
                           least_bins_hold_zeros(statistics, counts));
  }
  return {kNaN, 0.0};
}

Known median_magnitude_of(DType dtype, const WeightStatistics& statistics, const PatternCounts& counts) {
  // Outwards from zero: the negative ones stand before `positive`, largest magnitude first.
  auto positive =
      std::find_if(counts.begin(), counts.end(), [](const PatternCount& one) { return one.pattern < kSign; });
  auto negative = std::make_reverse_iterator(positive);
  uint64_t before = 0;
  while (positive != counts.end() || negative != counts.rend()) {
    const bool take_positive = negative == counts.rend() ||
                               (positive != counts.end() && positive->pattern <= (negative->pattern & kMagnitude));
    const PatternCount& one = take_positive ? *positive++ : *negative++;
    before += one.count;
    if (middle_rank(statistics) < before)
      return pattern_known(dtype, one.pattern & kMagnitude, 0.0, statistics.magnitude(),
                           least_bins_hold_zeros(statistics, counts));
  }
  return {kNaN, 0.0};
}

/// Exact of f32 too: both limits are ends of bins. Zeros stand in bins of their own or, of f32, beside the least ones.
void count_outliers(WeightStatistics& statistics, DType dtype, const PatternCounts& counts) {
  statistics.tiny = -statistics.zeros;
  for (const PatternCount& one : counts) {
    const double magnitude = std::abs(pattern_value(dtype, one.pattern));
    if (magnitude >= kHugeWeight) statistics.huge += static_cast<int64_t>(one.count);
    if (magnitude < kTinyWeight) statistics.tiny += static_cast<int64_t>(one.count);
  }
}

/// `statistics` counts all elements already; what is finite follows from the counts.
void set_from_counts(WeightStatistics& statistics, DType dtype, const PatternCounts& counts) {
  double sum = 0.0;
  int64_t finite = 0;
  for (const PatternCount& one : counts) {
    const double value = pattern_value(dtype, one.pattern) + 0.0;
    const auto times = static_cast<int64_t>(one.count);
    if (finite == 0) statistics.least = value;
    statistics.largest = value;
    finite += times;
    sum += value * static_cast<double>(times);
    if (value == 0.0) statistics.zeros += times;
    const int64_t equal = value == 0.0 ? statistics.zeros : times;
    if (equal > statistics.commonest_count) {
      statistics.commonest_count = equal;
      statistics.commonest = value;
    }
  }
  Moments& moments = statistics.moments;
  moments.count = finite;
  moments.mean = finite == 0 ? 0.0 : sum / static_cast<double>(finite);
  for (const PatternCount& one : counts) {
    const double off = pattern_value(dtype, one.pattern) - moments.mean;
    const double square = off * off * static_cast<double>(one.count);
    moments.m2 += square;
    moments.m3 += square * off;
    moments.m4 += square * off * off;
  }
}

// Loops over f32 keep a figure for each of so many lanes, which a compiler turns into vector registers.
constexpr size_t kLanes = 8;

/// body(lane, value) for every value, block by block.
template <class Body>
void by_lanes(const std::vector<float>& values, const Body& body) {
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) body(lane, values[i + lane]);
  for (size_t lane = 0; i + lane < values.size(); ++lane) body(lane, values[i + lane]);
}

double sum(const double* lanes) { return std::accumulate(lanes, lanes + kLanes, 0.0); }

/// Of values that are all finite.
Moments plain_moments(const std::vector<float>& values) {
  Moments moments;
  moments.count = static_cast<int64_t>(values.size());
  double first[kLanes] = {}, second[kLanes] = {}, third[kLanes] = {}, fourth[kLanes] = {};
  by_lanes(values, [&](size_t lane, float value) { first[lane] += value; });
  const double mean = moments.mean = sum(first) / static_cast<double>(values.size());
  by_lanes(values, [&](size_t lane, float value) {
    const double off = value - mean, square = off * off;
    second[lane] += square;
    third[lane] += square * off;
    fourth[lane] += square * square;
  });
  moments.m2 = sum(second);
  moments.m3 = sum(third);
  moments.m4 = sum(fourth);
  return moments;
}

/// Counts NaN and infinities and takes them out.
void keep_finite(WeightStatistics& statistics, std::vector<float>& values) {
  uint32_t others[kLanes] = {};
  by_lanes(values, [&](size_t lane, float value) {
    others[lane] += (std::bit_cast<uint32_t>(value) & 0x7F800000) == 0x7F800000 ? 1 : 0;
  });
  if (std::accumulate(others, others + kLanes, uint64_t{0}) == 0) return;
  for (const float value : values) {
    statistics.nans += std::isnan(value) ? 1 : 0;
    statistics.infinities += std::isinf(value) ? 1 : 0;
  }
  std::erase_if(values, [](float value) { return !std::isfinite(value); });
}

void add_f32(WeightStatistics& statistics, std::span<const std::byte> bytes, std::vector<float>& values) {
  values.resize(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  keep_finite(statistics, values);
  if (values.empty()) return;
  float least[kLanes], largest[kLanes];
  uint32_t zeros[kLanes] = {};
  std::fill(least, least + kLanes, values.front());
  std::fill(largest, largest + kLanes, values.front());
  by_lanes(values, [&](size_t lane, float value) {
    least[lane] = value < least[lane] ? value : least[lane];
    largest[lane] = value > largest[lane] ? value : largest[lane];
    zeros[lane] += value == 0.0f ? 1 : 0;
  });
  const double low = *std::min_element(least, least + kLanes) + 0.0;
  const double high = *std::max_element(largest, largest + kLanes) + 0.0;
  const bool is_first = statistics.moments.count == 0;
  statistics.least = is_first ? low : std::min(statistics.least, low);
  statistics.largest = is_first ? high : std::max(statistics.largest, high);
  statistics.zeros += static_cast<int64_t>(std::accumulate(zeros, zeros + kLanes, uint64_t{0}));
  statistics.moments.join(plain_moments(values));
}

}  // namespace

void Moments::join(const Moments& other) {
  if (other.count == 0) return;
  if (count == 0) {
    *this = other;
    return;
  }
  const auto a = static_cast<double>(count), b = static_cast<double>(other.count), n = a + b;
  const double d = other.mean - mean, d2 = d * d;
  m4 += other.m4 + d2 * d2 * a * b * (a * a - a * b + b * b) / (n * n * n) +
        6.0 * d2 * (a * a * other.m2 + b * b * m2) / (n * n) + 4.0 * d * (a * other.m3 - b * m3) / n;
  m3 += other.m3 + d2 * d * a * b * (a - b) / (n * n) + 3.0 * d * (a * other.m2 - b * m2) / n;
  m2 += other.m2 + d2 * a * b / n;
  mean += d * b / n;
  count += other.count;
}

double Moments::deviation() const { return count == 0 ? kNaN : std::sqrt(m2 / static_cast<double>(count)); }

double Moments::kurtosis() const { return m2 > 0.0 ? static_cast<double>(count) * m4 / (m2 * m2) : kNaN; }

double WeightStatistics::magnitude() const { return std::max(std::abs(least), std::abs(largest)); }

double WeightStatistics::spread() const {
  return median_magnitude.value == 0.0 ? std::numeric_limits<double>::infinity() : magnitude() / median_magnitude.value;
}

bool can_measure(DType dtype) { return dtype == DType::bf16 || dtype == DType::f16 || dtype == DType::f32; }

PatternCounts ascending_counts(DType dtype, std::span<const uint64_t> table) {
  return present(dtype, [&](uint32_t pattern) { return table[pattern]; });
}

TensorMeter::TensorMeter() : tables_(2 * kPatterns) {}

void TensorMeter::start(DType dtype) {
  if (!can_measure(dtype))
    throw InputError("cannot take statistics of these numbers", {"dtype  " + std::string(dtype_name(dtype))},
                     "give bf16, f16 or f32");
  dtype_ = dtype;
  statistics_ = {};
  statistics_.least = statistics_.largest = kNaN;
  folded_.clear();
  pieces_.clear();
}

void TensorMeter::add(std::span<const std::byte> piece) {
  const auto elements = static_cast<int64_t>(piece.size() / element_bytes(dtype_));
  if (in_tables_ + elements > kMostInTables) fold();
  in_tables_ += elements;
  statistics_.count += elements;
  pieces_.push_back(xxh3_64(piece));
  if (dtype_ == DType::f32) {
    count_upper(piece, tables_.data());
    add_f32(statistics_, piece, finite_);
  } else {
    count16(piece, tables_.data());
  }
}

void TensorMeter::fold() {
  folded_.resize(kPatterns);
  for (size_t i = 0; i < kPatterns; ++i) folded_[i] += uint64_t{tables_[i]} + tables_[i + kPatterns];
  std::fill(tables_.begin(), tables_.end(), 0);
  in_tables_ = 0;
}

WeightStatistics TensorMeter::finish() {
  const auto count_of = [this](uint32_t pattern) {
    const uint64_t earlier = folded_.empty() ? 0 : folded_[pattern];
    return earlier + tables_[pattern] + tables_[pattern + kPatterns];
  };
  counts_ = present(dtype_, count_of);
  if (dtype_ == DType::f32) {
    statistics_.commonest_count = statistics_.zeros;
  } else {
    set_from_counts(statistics_, dtype_, counts_);
    const uint32_t infinity = finite_patterns(dtype_);
    statistics_.infinities = static_cast<int64_t>(count_of(infinity) + count_of(infinity | kSign));
    statistics_.nans = statistics_.count - statistics_.moments.count - statistics_.infinities;
  }
  count_outliers(statistics_, dtype_, counts_);
  complete_statistics(statistics_, dtype_, counts_);
  std::fill(tables_.begin(), tables_.end(), 0);
  in_tables_ = 0;
  return statistics_;
}

void join_statistics(WeightStatistics& all, const WeightStatistics& one) {
  const bool is_first = all.moments.count == 0;
  if (one.moments.count > 0) {
    all.least = is_first ? one.least : std::min(all.least, one.least);
    all.largest = is_first ? one.largest : std::max(all.largest, one.largest);
  }
  for (const auto member : {&WeightStatistics::count, &WeightStatistics::nans, &WeightStatistics::infinities,
                            &WeightStatistics::zeros, &WeightStatistics::tiny, &WeightStatistics::huge})
    all.*member += one.*member;
  all.moments.join(one.moments);
}

void complete_statistics(WeightStatistics& statistics, DType dtype, const PatternCounts& counts) {
  if (statistics.moments.count == 0) {
    statistics.median = statistics.median_magnitude = {kNaN, 0.0};
    statistics.least = statistics.largest = kNaN;
    return;
  }
  // A mean that was rounded would give equal values a spread.
  if (statistics.least == statistics.largest) statistics.moments = {statistics.moments.count, statistics.least};
  statistics.median = median_of(dtype, statistics, counts);
  statistics.median_magnitude = median_magnitude_of(dtype, statistics, counts);
}

}  // namespace plumbline
