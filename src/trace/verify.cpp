// SPDX-License-Identifier: Apache-2.0
// verify_trace and require_sound: are the numbers still those that were recorded?
// Invariant: every payload with a digest is read once; a foreign file has none and is vacuously sound.
#include <plumbline/error.h>
#include <plumbline/trace.h>

#include <algorithm>

#include "core/hash.h"
#include "core/parallel.h"
#include "core/printable.h"
#include "core/progress.h"
#include "trace/schema.h"

namespace plumbline {
namespace {

constexpr size_t kMostNamed = 5;

/// The entries whose bytes do not match their digest, in the order of writing.
std::vector<const TapEntry*> damaged_entries(const Trace& trace, int threads) {
  const std::vector<TapEntry>& taps = trace.taps();
  std::vector<char> damaged(taps.size(), 0);  // not bool: threads write neighbours
  Progress progress("checking digests of " + printable_text(trace.file().filename().string()),
                    static_cast<int64_t>(taps.size()));
  parallel_for(static_cast<int64_t>(taps.size()), threads, [&](int64_t i) {
    progress.advance();
    const TapEntry& entry = taps[static_cast<size_t>(i)];
    if (entry.xxh3.empty()) return;
    const Tensor tensor = trace.read(entry);
    damaged[static_cast<size_t>(i)] = xxh3_64_hex(tensor.view().bytes()) != entry.xxh3 ? 1 : 0;
  });
  std::vector<const TapEntry*> entries;
  for (size_t i = 0; i < taps.size(); ++i)
    if (damaged[i] != 0) entries.push_back(&taps[i]);
  return entries;
}

}  // namespace

std::vector<std::string> verify_trace(const Trace& trace, int threads) {
  std::vector<std::string> damaged;
  for (const TapEntry* entry : damaged_entries(trace, threads)) damaged.push_back(entry->path);
  return damaged;
}

void require_sound(const Trace& trace, int threads) {
  const std::vector<const TapEntry*> damaged = damaged_entries(trace, threads);
  if (damaged.empty()) return;
  std::vector<std::string> details;
  for (size_t i = 0; i < std::min(damaged.size(), kMostNamed); ++i)
    details.push_back("tap '" + trace::printable(damaged[i]->path) + "' of step " + std::to_string(damaged[i]->step) +
                      ": its bytes do not match the digest taken when they were recorded");
  if (damaged.size() > kMostNamed)
    details.push_back("and " + std::to_string(damaged.size() - kMostNamed) + " more: `plumbline verify " +
                      trace.file().string() + "`");
  throw TraceError("cannot compare " + trace.file().string() + ": it was damaged or edited after the run", details,
                   "take another copy or record the run again");
}

}  // namespace plumbline
