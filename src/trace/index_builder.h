// SPDX-License-Identifier: Apache-2.0
// Collects the rows of /index, /steps, /tokens and the texts of /strings while a trace is written.
// Invariant: every text is stored once; ids count from 0 in the order of first use.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "trace/schema.h"

namespace plumbline::trace {

class StringTable {
 public:
  uint32_t id(std::string_view text);
  const std::string& bytes() const { return bytes_; }
  /// One more than there are texts: text i is bytes()[offsets[i], offsets[i+1]).
  const std::vector<uint64_t>& offsets() const { return offsets_; }

 private:
  std::string bytes_;
  std::vector<uint64_t> offsets_ = {0};
  std::unordered_map<std::string, uint32_t> ids_;
};

struct IndexBuilder {
  std::vector<IndexRow> rows;
  std::vector<StepRow> steps;
  std::vector<int64_t> tokens;
  StringTable strings;

  void add_step(const Step& step);
  void add_tap(const TapEntry& entry, const std::string& dataset, uint32_t order, bool inner, uint64_t xxh3);
};

/// The parts of a trace that index_xxh3 covers, in this order. The digest is XXH3-64 of the parts' XXH3-64 digests.
struct IndexParts {
  std::string_view rows, string_offsets, strings, steps, tokens;
  std::string_view config, graph, files, parameters, environment, faults, prompt;
  uint64_t digest() const;
};

template <class T>
std::string_view raw_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace plumbline::trace
