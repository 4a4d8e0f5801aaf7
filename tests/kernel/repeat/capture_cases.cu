// SPDX-License-Identifier: Apache-2.0
// Cases of the kernels that carry taps away and look after memory: statistics, gather, poison, fences. Sizes lie on
// both sides of a chunk; values by head and by token, at every number of keys alike, at a position.
#include "core/statistics.h"
#include "cuda/fences/fences.h"
#include "cuda/gather/gather.h"
#include "cuda/poison/poison.h"
#include "cuda/statistics/statistics.h"
#include "kernel/repeat/case_memory.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

using test::RepeatCase;

constexpr int64_t kCounts[] = {1, 2, 127, 8191, 8192, 8193, 20000};

void add_statistics(std::vector<RepeatCase>& cases) {
  add(cases, "statistics", [](Memory& memory, bool) {
    StatisticsArgs args{};
    for (const int64_t count : kCounts) {
      for (const bool is_f32 : {false, true}) {
        args.values[args.taps] = is_f32 ? static_cast<const void*>(memory.floats(count)) : memory.bf16s(count);
        args.counts[args.taps] = count;
        args.is_f32[args.taps] = is_f32;
        args.first_chunk[args.taps + 1] = args.first_chunk[args.taps] + statistics_chunks(count);
        ++args.taps;
      }
    }
    args.partials = memory.output<PartialStatistics>(args.first_chunk[args.taps]);
    statistics(args, nullptr);
  });
}

/// Pieces of one step with `keys` keys, of room for `most`; where they lie, and what becomes of them.
struct Pieces {
  std::vector<Piece> pieces;
  std::vector<PieceChunk> chunks;
  int64_t fixed_bytes = 0, bytes_per_key = 0;

  void add(std::byte* values, Piece piece, int64_t most) {
    piece.source = values;
    const int64_t bytes = piece.count * (piece.is_f32 ? 4 : 2);
    int64_t& end = piece.per_key ? bytes_per_key : fixed_bytes;
    piece.target = end;
    end += piece.per_key ? bytes : (bytes + 15) / 16 * 16;
    for (int64_t i = 0; i * kPieceChunk < piece_count(piece, most); ++i) chunks.push_back({int(pieces.size()), int(i)});
    pieces.push_back(piece);
  }
  PieceTable table(Memory& memory, int keys) const {
    return {memory.given(pieces), memory.given(chunks), int64_t(chunks.size()), keys};
  }
};

template <class T>
std::byte* bytes_of(T* values) {
  return reinterpret_cast<std::byte*>(values);
}

/// Two vectors, a row of a table, scores by key, and a cache by token of 3 heads of 8 channels.
Pieces pieces_of_step(Memory& memory, int64_t most, bool made_anew) {
  Pieces all;
  // Poison is left where a step writes anew; the rest is an input.
  const auto given = [&](int64_t count) { return bytes_of(const_cast<bf16*>(memory.bf16s(count))); };
  const auto values = [&](int64_t count, bool is_f32) {
    if (!made_anew) return is_f32 ? bytes_of(const_cast<float*>(memory.floats(count))) : given(count);
    return is_f32 ? bytes_of(memory.changed(memory.some<float>(count)))
                  : bytes_of(memory.changed(memory.some<bf16>(count)));
  };
  for (const bool is_f32 : {false, true}) {
    Piece whole{};
    whole.count = 8195;
    whole.is_f32 = is_f32;
    whole.made_anew = made_anew;
    all.add(values(whole.count, is_f32), whole, most);
  }
  Piece row{};
  row.count = 16;
  row.bytes_per_position = row.count * 2;
  all.add(given(row.count * most), row, most);
  Piece scores{};
  scores.count = 4;
  scores.per_key = scores.is_f32 = true;
  scores.made_anew = made_anew;
  all.add(values(scores.count * most, true), scores, most);
  Piece cache{};
  cache.count = 24;
  cache.heads = 3;
  cache.per_key = true;
  all.add(given(cache.count * most), cache, most);
  return all;
}

void add_pieces(std::vector<RepeatCase>& cases) {
  constexpr int64_t kMost = 700;
  for (const int keys : {1, 8, 9, 341, 342, 700}) {
    add(cases, "gather" + text({keys}), [=](Memory& memory, bool) {
      const Pieces pieces = pieces_of_step(memory, kMost, false);
      const int64_t bytes = gather_offset(pieces.fixed_bytes, pieces.bytes_per_key, keys);
      gather({.table = pieces.table(memory, keys),
              .target = memory.zeros<std::byte>(bytes),
              .fixed_bytes = pieces.fixed_bytes,
              .unwritten = memory.output<uint32_t>(int64_t(pieces.chunks.size()))},
             nullptr);
    });
    add(cases, "statistics of pieces" + text({keys}), [=](Memory& memory, bool) {
      const Pieces pieces = pieces_of_step(memory, kMost, false);
      statistics(pieces.table(memory, keys), memory.zeros<PartialStatistics>(int64_t(pieces.chunks.size())), nullptr);
    });
    add(cases, "leave poison" + text({keys}), [=](Memory& memory, bool) {
      const Pieces pieces = pieces_of_step(memory, kMost, true);
      leave_poison(pieces.table(memory, keys), nullptr);
    });
  }
}

void add_searches(std::vector<RepeatCase>& cases) {
  add(cases, "look for poison", [](Memory& memory, bool) {
    PoisonArgs args{};
    for (const int64_t count : kCounts) {
      std::vector<float> values = memory.some<float>(count);
      if (count % 2 != 0) values.back() = std::bit_cast<float>(kPoisonA);
      args.values[args.count] = reinterpret_cast<const std::byte*>(memory.given(values));
      args.bytes[args.count] = count * 4;
      args.found[args.count] = memory.changed(std::vector<uint32_t>{0});
      ++args.count;
    }
    look_for_poison(args, nullptr);
  });
  add(cases, "look at fences", [](Memory& memory, bool) {
    FenceArgs args{};
    for (const int64_t damaged : {-1, 0, 1, 31, 32, int(kFenceBytes) - 1}) {
      std::vector<uint8_t> fences(2 * kFenceBytes, uint8_t(kFence));
      if (damaged >= 0) fences[kFenceBytes + size_t(damaged)] = 7;
      const std::byte* begin = reinterpret_cast<const std::byte*>(memory.given(fences));
      args.before[args.count] = begin;
      args.after[args.count++] = begin + kFenceBytes;
    }
    args.report = memory.output<uint32_t>(int64_t(args.count) * 2 * kFenceWarps);
    look_at_fences(args, nullptr);
  });
}

}  // namespace

void add_capture(std::vector<RepeatCase>& cases) {
  add_statistics(cases);
  add_pieces(cases);
  add_searches(cases);
}

}  // namespace plumbline::PLUMBLINE_BUILD_NS
