// SPDX-License-Identifier: Apache-2.0
#include "cuda/twin/race_check.h"

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <plumbline/error.h>

#include "cuda/twin/buffers.h"
#include "cuda/twin/text.h"

namespace plumbline::twin {
namespace {

struct Watched {
  KnownBuffer buffer;
  std::vector<std::byte> before, forward;
};

std::vector<Watched> find_watched(const GridCall& call) {
  std::vector<Watched> all;
  const auto add = [&](const void* pointer) {
    const auto buffer = find_buffer(pointer);
    if (!buffer) return false;
    for (const Watched& seen : all) {
      if (seen.buffer.bytes.data() == buffer->bytes.data()) return true;
    }
    all.push_back({*buffer, {buffer->bytes.begin(), buffer->bytes.end()}, {}});
    return true;
  };
  for (const void* pointer : call.written) {
    if (add(pointer)) continue;
    throw BackendError(
        std::string("twin: races of kernel '") + call.op + "' cannot be checked",
        {"an argument points to memory that no DeviceBuffer owns", "launched at " + place_text(call.where)},
        "allocate what kernels write as DeviceBuffer (cuda/common/memory.h)");
  }
  for (const void* word : call.maybe_written) add(word);
  return all;
}

std::string order_text(const Pass& pass) {
  switch (pass.order) {
    case ScheduleOrder::forward: return "forward order";
    case ScheduleOrder::reverse: return "reverse order";
    case ScheduleOrder::seeded: break;
  }
  return "seeded order " + std::to_string(pass.seed);
}

std::string word_text(const std::byte* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, sizeof word);
  char text[16];
  std::snprintf(text, sizeof text, "0x%08X", word);
  return text;
}

void compare(const GridCall& call, const Watched& watched, const Pass& pass) {
  const auto now = watched.buffer.bytes;
  if (std::memcmp(now.data(), watched.forward.data(), now.size()) == 0) return;
  size_t at = 0;
  while (now[at] == watched.forward[at]) ++at;
  at -= at % sizeof(uint32_t);
  std::vector<std::byte> words[2] = {watched.forward, {now.begin(), now.end()}};
  for (auto& padded : words) padded.resize(now.size() + sizeof(uint32_t));
  throw BackendError(
      std::string("twin: kernel '") + call.op + "' has a race: its output depends on the order of threads",
      {"buffer '" + watched.buffer.name + "', 32-bit word at byte " + std::to_string(at),
       "forward order  " + word_text(&words[0][at]), order_text(pass) + "  " + word_text(&words[1][at]),
       "launched at " + place_text(call.where)},
      "look for a missing __syncthreads or __syncwarp; the thread sanitizer preset (cmake --preset tsan) names both "
      "lines");
}

}  // namespace

void run_grid_in_all_orders(const GridCall& call, const TwinOptions& options) {
  std::vector<Watched> all = find_watched(call);
  run_grid_once(call, {ScheduleOrder::forward, 0, kSharedPoison});
  for (Watched& watched : all) watched.forward.assign(watched.buffer.bytes.begin(), watched.buffer.bytes.end());
  std::vector<Pass> passes{{ScheduleOrder::reverse, 0, 0xFFB6}};
  for (int i = 0; i < options.seeded_orders; ++i) {
    passes.push_back(
        {ScheduleOrder::seeded, options.schedule_seed + uint64_t(i), i % 2 == 0 ? kSharedPoison : uint16_t{0xFFB6}});
  }
  for (const Pass& pass : passes) {
    for (Watched& watched : all) std::memcpy(watched.buffer.bytes.data(), watched.before.data(), watched.before.size());
    run_grid_once(call, pass);
    for (const Watched& watched : all) compare(call, watched, pass);
  }
  for (Watched& watched : all) std::memcpy(watched.buffer.bytes.data(), watched.forward.data(), watched.forward.size());
}

}  // namespace plumbline::twin
