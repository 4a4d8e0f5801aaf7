// SPDX-License-Identifier: Apache-2.0
// A trace's header, steps and tap entries as flat bytes. Both ends are this program (writer and recover, indexer child
// and parent), so the form carries no version; the bytes may still be damaged, and decoding checks everything.
// Invariant: decode(encode(x)) == x; damaged bytes give a ByteError or a well-formed value, never undefined behaviour.
#pragma once
#include <plumbline/trace.h>

#include "trace/bytes.h"

namespace plumbline::trace {

/// Everything about a trace but its numbers.
struct FlatTable {
  TraceHeader header;
  std::vector<Step> steps;
  std::vector<TapEntry> taps;
  bool foreign = false;
};

void encode(ByteWriter& out, const TraceHeader& header);
void encode(ByteWriter& out, const Step& step);
void encode(ByteWriter& out, const TapEntry& entry);
void encode(ByteWriter& out, const FlatTable& table);
TraceHeader decode_header(ByteReader& in);
Step decode_step(ByteReader& in);
TapEntry decode_entry(ByteReader& in);
FlatTable decode_table(ByteReader& in);

}  // namespace plumbline::trace
