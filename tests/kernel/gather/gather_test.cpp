// SPDX-License-Identifier: Apache-2.0
// Pieces of every kind, at many numbers of keys: the gathered bytes are those of a plain loop, poison is found where it
// is and nowhere else, and only what is made anew is poisoned. The same table's statistics are those of the host.
#include "cuda/gather/gather.h"

#include <cstring>
#include <random>

#include "cuda/common/memory.h"
#include "cuda/statistics/statistics.h"
#include "support/catch.h"

namespace plumbline::test {
namespace {

using twin::DeviceBuffer;
using twin::GatherArgs;
using twin::kPieceChunk;
using twin::Piece;
using twin::PieceChunk;
using twin::PieceTable;

constexpr int kMostKeys = 70;

/// What the table says of one piece, before it has a place.
struct Kind {
  const char* name;
  int64_t count;
  bool per_key, is_f32, made_anew, by_position;
  int heads;
};

constexpr Kind kKinds[] = {
    {"one float", 1, false, true, true, false, 0},
    {"odd halves", 7, false, false, true, false, 0},
    {"scores", 3, true, false, true, false, 0},
    {"chunks and a rest", 2 * kPieceChunk + 11, false, false, true, false, 0},
    {"probabilities", 5, true, true, true, false, 0},
    {"a cache", 3 * 16, true, false, false, false, 3},
    {"a cache of many chunks", 8 * 128, true, false, false, false, 8},
    {"a row of a table", 24, false, false, false, true, 0},
    {"a row of floats", 8, false, true, false, true, 0},
    {"a constant", 33, false, true, false, false, 0},
};

/// All kinds as one table, filled with random bytes that hold no poison.
class Table {
 public:
  Table() {
    std::mt19937 random(7);
    for (const Kind& kind : kKinds) {
      const int64_t size = kind.is_f32 ? 4 : 2, bytes = kind.count * size;
      DeviceBuffer& source =
          sources_.emplace_back(size_t(bytes * (kind.per_key || kind.by_position ? kMostKeys : 1)), kind.name);
      std::vector<std::byte> values(source.bytes());
      for (std::byte& value : values) value = std::byte(random() % 64);
      source.copy_from_host(values);
      values_.push_back(values);
      int64_t& end = kind.per_key ? per_key_bytes : fixed_bytes;
      pieces_.push_back({source.as<std::byte>(), kind.by_position ? bytes : 0, kind.count, end, kind.heads,
                         kind.per_key, kind.is_f32, kind.made_anew});
      end += kind.per_key ? bytes : (bytes + 15) / 16 * 16;
      first_chunk.push_back(int64_t(chunks_.size()));
      for (int64_t at = 0; at < twin::piece_count(pieces_.back(), kMostKeys); at += kPieceChunk)
        chunks_.push_back({int(pieces_.size()) - 1, int(at / kPieceChunk)});
    }
    upload(device_pieces_, pieces_);
    upload(device_chunks_, chunks_);
  }

  PieceTable at(int keys) const {
    return {device_pieces_.as<Piece>(), device_chunks_.as<PieceChunk>(), int64_t(chunks_.size()), keys};
  }
  int64_t chunks() const { return int64_t(chunks_.size()); }
  const Piece& piece(size_t i) const { return pieces_[i]; }
  DeviceBuffer& source(size_t i) { return sources_[i]; }
  void set(size_t i, size_t byte, uint32_t word) {
    std::memcpy(values_[i].data() + byte, &word, sizeof word);
    sources_[i].copy_from_host(values_[i]);
  }
  /// What piece `i` holds for so many keys, in the order of memory.
  std::vector<std::byte> values(size_t i, int keys) const {
    const size_t size = pieces_[i].is_f32 ? 4 : 2, bytes = size_t(twin::piece_count(pieces_[i], keys)) * size;
    const size_t first = size_t(pieces_[i].bytes_per_position) * size_t(keys - 1);
    return {values_[i].begin() + long(first), values_[i].begin() + long(first + bytes)};
  }
  /// The same as it is wanted.
  std::vector<std::byte> wanted(size_t i, int keys) const {
    const std::vector<std::byte> lies = values(i, keys);
    const auto heads = size_t(pieces_[i].heads);
    if (heads == 0) return lies;
    const size_t row = size_t(pieces_[i].count) * 2 / heads;
    std::vector<std::byte> ordered;
    for (size_t head = 0; head < heads; ++head)
      for (size_t key = 0; key < size_t(keys); ++key) {
        const auto from = lies.begin() + long((key * heads + head) * row);
        ordered.insert(ordered.end(), from, from + long(row));
      }
    return ordered;
  }

  std::vector<int64_t> first_chunk;
  int64_t fixed_bytes = 0, per_key_bytes = 0;

 private:
  template <class T>
  static void upload(DeviceBuffer& buffer, const std::vector<T>& values) {
    buffer = DeviceBuffer(values.size() * sizeof(T), "table");
    buffer.copy_from_host(std::as_bytes(std::span(values)));
  }

  std::vector<DeviceBuffer> sources_;
  std::vector<std::vector<std::byte>> values_;
  std::vector<Piece> pieces_;
  std::vector<PieceChunk> chunks_;
  DeviceBuffer device_pieces_, device_chunks_;
};

template <class T>
std::vector<T> on_host(const DeviceBuffer& buffer) {
  std::vector<T> values(buffer.bytes() / sizeof(T));
  buffer.copy_to_host(std::as_writable_bytes(std::span(values)));
  return values;
}

struct Gathered {
  std::vector<std::byte> bytes;
  std::vector<uint32_t> unwritten;
};

Gathered gathered(const Table& table, int keys) {
  DeviceBuffer target(size_t(twin::gather_offset(table.fixed_bytes, table.per_key_bytes, keys)), "target");
  DeviceBuffer unwritten(size_t(table.chunks()) * sizeof(uint32_t), "unwritten");
  twin::gather({table.at(keys), target.as<std::byte>(), table.fixed_bytes, unwritten.as<uint32_t>()}, {});
  target.check_fences();
  unwritten.check_fences();
  return {on_host<std::byte>(target), on_host<uint32_t>(unwritten)};
}

}  // namespace

TEST_CASE("pieces are gathered as they are wanted, whatever the number of keys", "[kernel]") {
  const Table table;
  for (const int keys : {1, 2, 7, 8, 9, 33, 64, 69, kMostKeys}) {
    const Gathered all = gathered(table, keys);
    for (size_t i = 0; i < std::size(kKinds); ++i) {
      INFO(kKinds[i].name << " at " << keys << " keys");
      const Piece& piece = table.piece(i);
      const int64_t begin = piece.per_key ? twin::gather_offset(table.fixed_bytes, piece.target, keys) : piece.target;
      CHECK(begin % 16 == 0);
      const std::vector<std::byte> expected = table.wanted(i, keys);
      REQUIRE(size_t(begin) + expected.size() <= all.bytes.size());
      CHECK(std::memcmp(all.bytes.data() + begin, expected.data(), expected.size()) == 0);
    }
    CHECK(all.unwritten == std::vector<uint32_t>(size_t(table.chunks()), 0));
  }
}

TEST_CASE("poison is found in the chunk that holds a whole word of it", "[kernel]") {
  constexpr int kKeys = 40;
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    Table table;
    const size_t bytes = table.values(i, kKeys).size(), last = (bytes - 4) / 4 * 4;
    const size_t row = size_t(table.piece(i).bytes_per_position) * (kKeys - 1);
    table.set(i, row + last, twin::kPoisonA);
    INFO(kKinds[i].name);
    std::vector<uint32_t> expected(size_t(table.chunks()), 0);
    size_t chunk = last / (size_t(kPieceChunk) * (table.piece(i).is_f32 ? 4 : 2));
    if (table.piece(i).heads > 0) chunk = (bytes - 1) / (size_t(kPieceChunk) * 2);  // the last row is the last head's
    expected[size_t(table.first_chunk[i]) + chunk] = 1;
    CHECK(gathered(table, kKeys).unwritten == expected);
  }
  Table table;
  table.set(3, 2, twin::kPoisonA);  // over two words: of neither the whole
  CHECK(gathered(table, kKeys).unwritten == std::vector<uint32_t>(size_t(table.chunks()), 0));
}

TEST_CASE("poison is left where a step makes its values anew, and nowhere else", "[kernel]") {
  constexpr int kKeys = 40;
  Table table;
  twin::leave_poison(table.at(kKeys), {});
  DeviceBuffer poisoned(4 * size_t(kPieceChunk) * 4, "poisoned");
  const std::vector<std::byte> poison = on_host<std::byte>(poisoned);
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    INFO(kKinds[i].name);
    table.source(i).check_fences();
    const std::vector<std::byte> now = on_host<std::byte>(table.source(i)), before = table.values(i, kKeys);
    if (kKinds[i].made_anew) {
      CHECK(std::memcmp(now.data(), poison.data(), before.size()) == 0);
    } else {
      const size_t row = size_t(table.piece(i).bytes_per_position) * (kKeys - 1);
      CHECK(std::memcmp(now.data() + row, before.data(), before.size()) == 0);
    }
  }
}

TEST_CASE("statistics of a table are those of its values, in the order of memory", "[kernel]") {
  const Table table;
  for (const int keys : {1, 8, 9, kMostKeys}) {
    DeviceBuffer partials(size_t(table.chunks()) * sizeof(PartialStatistics), "partials");
    twin::statistics(table.at(keys), partials.as<PartialStatistics>(), {});
    partials.check_fences();
    const auto all = on_host<PartialStatistics>(partials);
    for (size_t i = 0; i < std::size(kKinds); ++i) {
      const Piece& piece = table.piece(i);
      const std::vector<std::byte> values = table.values(i, keys);
      const int64_t count = twin::piece_count(piece, keys);
      const TensorView view{piece.is_f32 ? DType::f32 : DType::bf16, {count}, values.data()};
      for (int64_t chunk = 0; chunk < statistics_chunks(count); ++chunk) {
        INFO(kKinds[i].name << " at " << keys << " keys, chunk " << chunk);
        const PartialStatistics expected = partial_statistics(view, chunk);
        CHECK(std::memcmp(&all[size_t(table.first_chunk[i] + chunk)], &expected, sizeof expected) == 0);
      }
    }
  }
}

}  // namespace plumbline::test
