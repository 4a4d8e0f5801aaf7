// SPDX-License-Identifier: Apache-2.0
// What cases of this folder are made of: the memory of one call, and its name. Invariant: the same inputs in every run
// and on either build. Left to others: the calls (cases.cu, capture_cases.cu).
#pragma once
#include <deque>
#include <span>
#include <string>
#include <vector>

#include <plumbline/error.h>

#include "core/random.h"
#include "cuda/common/launch.h"
#include "cuda/common/memory.h"
#include "cuda/common/tap.h"
#include "cuda/rmsnorm/norm.h"
#include "kernel/repeat/cases.h"

namespace plumbline::PLUMBLINE_BUILD_NS {

/// The memory of one call: inputs of random numbers, outputs and taps of poison.
class Memory {
 public:
  explicit Memory(uint32_t poison) : poison_(poison), random_(2026) {}

  template <class T>
  std::vector<T> some(int64_t count, float scale = 1.0f) {
    std::vector<T> values(static_cast<size_t>(count));
    for (T& value : values) {
      const float normal = static_cast<float>(random_.normal()) * scale;
      if constexpr (std::is_same_v<T, float>) {
        value = normal;
      } else {
        value = to_bf16(normal);
      }
    }
    return values;
  }
  const bf16* bf16s(int64_t count, float scale = 1.0f) { return input(some<bf16>(count, scale)); }
  const float* floats(int64_t count) { return input(some<float>(count)); }
  template <class T>
  const T* given(const std::vector<T>& values) {
    return input(values);
  }
  const int64_t* tokens(int64_t count, uint64_t vocabulary) {
    std::vector<int64_t> values(static_cast<size_t>(count));
    for (int64_t& value : values) value = static_cast<int64_t>(random_.next() % vocabulary);
    return input(values);
  }
  template <class T>
  T* output(int64_t count) {
    return poisoned<T>(outputs_, count, "output");
  }
  /// What an op reads and then overwrites.
  template <class T>
  T* changed(const std::vector<T>& values) {
    T* memory = output<T>(int64_t(values.size()));
    outputs_.back().copy_from_host(std::as_bytes(std::span(values)));
    return memory;
  }
  /// What an op writes in part.
  template <class T>
  T* zeros(int64_t count) {
    T* memory = output<T>(count);
    outputs_.back().poison(0);
    return memory;
  }
  template <class T>
  void tap(int slot, int64_t count) {
    taps_.slots[slot] = poisoned<T>(tapped_, count, "tap " + std::to_string(slot));
  }
  /// The slots of a norm of `rows` rows; `out`: what it yields never leaves the kernel otherwise.
  void norm_taps(NormRounding rounding, int64_t rows, int64_t columns, bool out, int first = 0) {
    for (const int slot : {NormTap::kX32, NormTap::kN32}) tap<float>(first + slot, rows * columns);
    for (const int slot : {NormTap::kVar, NormTap::kRstd}) tap<float>(first + slot, rows);
    if (rounding == NormRounding::two) tap<bf16>(first + NormTap::kN, rows * columns);
    if (!out) return;
    if (rounding == NormRounding::none) return tap<float>(first + NormTap::kOut, rows * columns);
    tap<bf16>(first + NormTap::kOut, rows * columns);
  }
  /// For the op: null unless taps are wanted.
  const RecordTap* taps(bool wanted) const { return wanted ? &taps_ : nullptr; }

  test::Written written() {
    synchronize(nullptr);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      std::vector<std::byte> now;
      append(inputs_[i], now);
      if (now != given_[i]) throw BackendError("an op changed its input " + std::to_string(i));
    }
    test::Written all;
    for (const DeviceBuffer& buffer : outputs_) append(buffer, all.outputs);
    for (const DeviceBuffer& buffer : tapped_) append(buffer, all.taps);
    return all;
  }

 private:
  template <class T>
  const T* input(const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    DeviceBuffer& buffer = inputs_.emplace_back(bytes.size(), "input " + std::to_string(inputs_.size()));
    buffer.copy_from_host(bytes);
    given_.emplace_back(bytes.begin(), bytes.end());
    return buffer.template as<T>();
  }
  template <class T>
  T* poisoned(std::deque<DeviceBuffer>& buffers, int64_t count, const std::string& name) {
    DeviceBuffer& buffer = buffers.emplace_back(static_cast<size_t>(count) * sizeof(T), name);
    buffer.poison(poison_);
    return buffer.template as<T>();
  }
  static void append(const DeviceBuffer& buffer, std::vector<std::byte>& bytes) {
    buffer.check_fences();
    const size_t start = bytes.size();
    bytes.resize(start + buffer.bytes());
    buffer.copy_to_host(std::span(bytes).subspan(start));
  }

  uint32_t poison_;
  SplitMix64 random_;
  std::deque<DeviceBuffer> inputs_, outputs_, tapped_;
  std::vector<std::vector<std::byte>> given_;
  RecordTap taps_;
};

inline std::string text(std::initializer_list<int64_t> extents) {
  std::string all;
  for (const int64_t extent : extents) all += (all.empty() ? " " : "x") + std::to_string(extent);
  return all;
}

template <class Call>
void add(std::vector<test::RepeatCase>& cases, const std::string& name, const Call& call) {
  cases.push_back({name, [call](uint32_t poison, bool taps) {
                     Memory memory(poison);
                     call(memory, taps);
                     return memory.written();
                   }});
}

/// Cases of the kernels that carry taps away and look after memory.
void add_capture(std::vector<test::RepeatCase>& cases);

}  // namespace plumbline::PLUMBLINE_BUILD_NS
