// SPDX-License-Identifier: Apache-2.0
// verify_trace: are the numbers still those that were recorded?
// Invariant: every payload with a digest is read once; a foreign file has none and is vacuously sound.
#include <plumbline/trace.h>

#include "core/hash.h"

namespace plumbline {

std::vector<std::string> verify_trace(const Trace& trace) {
  std::vector<std::string> damaged;
  for (const TapEntry& entry : trace.taps()) {
    if (entry.xxh3.empty()) continue;
    const Tensor tensor = trace.read(entry);
    if (xxh3_64_hex(tensor.view().bytes()) != entry.xxh3) damaged.push_back(entry.path);
  }
  return damaged;
}

}  // namespace plumbline
