// SPDX-License-Identifier: Apache-2.0
#include "trace/index_builder.h"

#include <array>
#include <span>

#include "core/hash.h"

namespace plumbline::trace {

uint32_t StringTable::id(std::string_view text) {
  const auto [place, fresh] = ids_.try_emplace(std::string(text), static_cast<uint32_t>(ids_.size()));
  if (fresh) {
    bytes_ += text;
    offsets_.push_back(bytes_.size());
  }
  return place->second;
}

void IndexBuilder::add_step(const Step& step) {
  steps.push_back({step.index, step.first_position, tokens.size(), step.tokens.size()});
  tokens.insert(tokens.end(), step.tokens.begin(), step.tokens.end());
}

void IndexBuilder::add_tap(const TapEntry& entry, const std::string& dataset, uint32_t order, bool inner,
                           uint64_t xxh3) {
  IndexRow row{};
  row.seq = rows.size();
  row.step = entry.step;
  for (size_t i = 0; i < entry.shape.size(); ++i) row.dims[i] = static_cast<uint64_t>(entry.shape[i]);
  for (size_t i = 0; i < entry.axes.size(); ++i) row.axes[i] = strings.id(entry.axes[i]);
  row.n_axes = static_cast<uint32_t>(entry.axes.size());
  row.offset = static_cast<uint64_t>(entry.file_offset);
  row.nbytes = static_cast<uint64_t>(entry.byte_size);
  row.xxh3 = xxh3;
  row.layer = entry.layer;
  row.order = order;
  row.flags = inner ? kFlagInner : 0;
  row.path = strings.id(entry.path);
  row.dataset = strings.id(dataset);
  row.dtype = strings.id(dtype_name(entry.dtype));
  row.rank = static_cast<uint32_t>(entry.shape.size());
  rows.push_back(row);
}

uint64_t IndexParts::digest() const {
  const auto one = [](std::string_view part) { return xxh3_64(std::as_bytes(std::span(part.data(), part.size()))); };
  const std::array digests = {one(rows),       one(string_offsets), one(strings), one(steps),
                              one(tokens),     one(config),         one(graph),   one(files),
                              one(parameters), one(environment),    one(faults),  one(prompt)};
  return xxh3_64(std::as_bytes(std::span(digests)));
}

}  // namespace plumbline::trace
