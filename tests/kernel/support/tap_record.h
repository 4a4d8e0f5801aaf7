// SPDX-License-Identifier: Apache-2.0
// A sink that keeps the taps of the last step in order, with their declarations, and comparisons of such records.
#pragma once
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <plumbline/backend.h>

#include "support/catch.h"

namespace plumbline::test {

class TapRecord final : public TapSink {
 public:
  /// Wants what `glob` matches.
  explicit TapRecord(std::string glob = "*") : glob_(std::move(glob)) {}

  bool wants(std::string_view path) const override { return glob_matches(glob_, path); }
  void begin_step(const Step&) override {
    order_.clear();
    taps_.clear();
  }
  void record(const TapSpec& spec, const TensorView& values) override {
    REQUIRE(wants(spec.path));
    REQUIRE(values.dtype == spec.dtype);
    REQUIRE(!taps_.contains(spec.path));
    Tensor copy(values.dtype, values.shape);
    std::memcpy(copy.mutable_data(), values.data, values.byte_size());
    order_.push_back(spec);
    taps_[spec.path] = copy;
  }

  const std::vector<TapSpec>& order() const { return order_; }
  const std::map<std::string, Tensor>& taps() const { return taps_; }
  const Tensor& at(const std::string& path) const {
    INFO("tap " << path);
    REQUIRE(taps_.contains(path));
    return taps_.at(path);
  }

 private:
  std::string glob_;
  std::vector<TapSpec> order_;
  std::map<std::string, Tensor> taps_;
};

inline bool same_tensor(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.byte_size()) == 0;
}

/// Fails with the first tap that one side lacks or whose bits differ.
inline void require_same_taps(const TapRecord& expected, const TapRecord& actual) {
  REQUIRE(expected.order().size() == actual.order().size());
  for (const TapSpec& spec : expected.order()) {
    INFO("tap " << spec.path);
    REQUIRE(same_tensor(expected.at(spec.path), actual.at(spec.path)));
  }
}

}  // namespace plumbline::test
