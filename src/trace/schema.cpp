// SPDX-License-Identifier: Apache-2.0
#include "trace/schema.h"

#include <charconv>

#include <fmt/format.h>

#include "core/printable.h"

namespace plumbline::trace {
namespace {

/// Digits from the front of `text` (at least `least`); false if there are none or they overflow.
bool take_number(std::string_view& text, size_t least, int64_t& value) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const size_t digits = static_cast<size_t>(end - text.data());
  if (error != std::errc() || digits < least) return false;
  text.remove_prefix(digits);
  return true;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

int layer_of(std::string_view path, std::string_view* rest) {
  if (rest) *rest = path;
  std::string_view tail = path;
  int64_t layer = 0;
  if (!take_prefix(tail, "layer.") || !take_number(tail, 1, layer) || layer > 1'000'000) return -1;
  if (!take_prefix(tail, ".") || tail.empty()) return -1;
  if (rest) *rest = tail;
  return static_cast<int>(layer);
}

DatasetPlace dataset_place(std::string_view path, int64_t step, bool after_layers, uint32_t order) {
  std::string_view rest;
  const int layer = layer_of(path, &rest);
  std::string name = fmt::format("{:04}_{}", order, rest);
  for (char& c : name) {
    if (c == '/' || static_cast<unsigned char>(c) < 0x20) c = '_';
  }
  const std::string group = layer >= 0 ? fmt::format("L{:02}", layer) : after_layers ? "Lpost" : "Lpre";
  return {fmt::format("/t/s{:06}/{}", step, group), std::move(name)};
}

bool parse_dataset_place(std::string_view full, TapEntry& entry) {
  int64_t step = 0, layer = -1, order = 0;
  if (!take_prefix(full, "/t/s") || !take_number(full, 6, step) || !take_prefix(full, "/L")) return false;
  if (!take_prefix(full, "pre") && !take_prefix(full, "post")) {
    if (!take_number(full, 2, layer) || layer > 1'000'000) return false;
  }
  if (!take_prefix(full, "/") || !take_number(full, 4, order) || !take_prefix(full, "_")) return false;
  if (full.empty() || full.find('/') != std::string_view::npos) return false;
  entry.step = step;
  entry.layer = static_cast<int>(layer);
  entry.path = (layer >= 0 ? fmt::format("layer.{}.", layer) : std::string()) + std::string(full);
  return true;
}

std::string hex_of(uint64_t xxh3) { return fmt::format("{:016x}", xxh3); }

std::string printable(std::string_view text) {
  constexpr size_t kMost = 200;
  return printable_text(text.substr(0, kMost)) + (text.size() > kMost ? "..." : "");
}

}  // namespace plumbline::trace
