// SPDX-License-Identifier: Apache-2.0
// Random ops of every kind, over data that are kind and data that are not. Invariant: a seed gives the same case.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "trial/implementations.h"

namespace plumbline::trial {

enum class Data : uint8_t {
  normal,
  positive,     ///< sums grow: truncation shows
  wide,         ///< forty binades
  cancelling,   ///< x, -x and little besides
  constant,     ///< one value: roundings are no longer random
  sparse_huge,  ///< a few channels of 1e3, as residual streams have
  extreme,      ///< scales from 2^-60 to 2^60
  subnormal,    ///< below the normal numbers of f32, with a few that are not
  one_way       ///< tiny terms behind a 1, which round every partial sum the same way
};
inline constexpr Data kData[] = {Data::normal,      Data::positive, Data::wide,      Data::cancelling, Data::constant,
                                 Data::sparse_huge, Data::extreme,  Data::subnormal, Data::one_way};
std::string_view data_name(Data data);

class Generator {
 public:
  explicit Generator(uint64_t seed, DType model = DType::bf16) : random_(seed), model_(model) {}
  DType model() const { return model_; }
  int64_t between(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }
  /// One of the sizes at which tiles end, or any size up to `most`.
  int64_t size(int64_t most);
  Array array(Data data, Shape shape);  ///< of the model's format

 private:
  std::mt19937_64 random_;
  DType model_;
};

/// Outputs are bf16.
Op make_op(OpKind kind, Attributes attributes, size_t results = 1);
Case random_case(OpKind kind, Data data, Generator& generator);

}  // namespace plumbline::trial
