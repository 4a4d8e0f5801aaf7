// SPDX-License-Identifier: Apache-2.0
// A tap sink that keeps a copy of every tap of the step now running, by path.
#pragma once
#include <cstring>
#include <map>
#include <string>

#include <plumbline/tap.h>

namespace plumbline::test {

class MemorySink final : public TapSink {
 public:
  bool wants(std::string_view) const override { return true; }
  void begin_step(const Step&) override { taps_.clear(); }
  void record(const TapSpec& spec, const TensorView& values) override {
    Tensor copy(values.dtype, values.shape);
    std::memcpy(copy.mutable_data(), values.data, values.byte_size());
    taps_[spec.path] = copy;
  }
  /// Of the last step; an empty tensor for a path that it did not record.
  Tensor at(const std::string& path) const {
    const auto found = taps_.find(path);
    return found == taps_.end() ? Tensor() : found->second;
  }
  const std::map<std::string, Tensor>& taps() const { return taps_; }

 private:
  std::map<std::string, Tensor> taps_;
};

}  // namespace plumbline::test
